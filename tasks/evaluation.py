"""The evaluation stage: score a registered version as consumers load it, let the gate decide, write the report."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from PIL import Image
from prefect import task
from pydantic import BaseModel, ConfigDict

from models.evaluation import EvalConfig, Protocol, Scores, evaluate, reference_features, resolve_device
from models.features import FeatureNet, load_feature_net
from shards import Manifest, load_manifest, load_split
from tasks.errors import RequestError
from tasks.home import home
from tasks.progress import ProgressReport
from tasks.promotion import PromotionPolicy, Verdict, promote
from tasks.registry import find_champion, load_pyfunc, resolve_version, tag_version
from tasks.tracking import connect

__all__ = [
    "EvalConfig",
    "EvaluateOutcome",
    "PromotionPolicy",
    "ScoredModel",
    "decide",
    "score_champion",
    "score_model",
]

logger = logging.getLogger(__name__)
SPLIT = "val"
IMAGES_A_CALL = 500
SCORE_PREFIX = "score/"


class ScoredModel(BaseModel):
    """A registered version and its scores under one protocol."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    scores: Scores

    @property
    def uri(self) -> str:
        return f"models:/{self.name}/{self.version}"


class EvaluateOutcome(BaseModel):
    """What an evaluation came to."""

    model_config = ConfigDict(frozen=True)

    model: str
    scores: dict[str, float]
    protocol: Protocol
    promoted: bool
    why: str
    champion: str | None
    report: str


@task(task_run_name="score-{model}")
def score_model(model: str, config: EvalConfig) -> ScoredModel:
    """Score the version that `model` names against the val split of the dataset version it was trained on."""
    client = connect(home())
    version = resolve_version(client, model)
    return _score(client, version, version.tags["shardgan.manifest"], config)


@task(task_run_name="score-champion-{challenger.name}")
def score_champion(challenger: ScoredModel, config: EvalConfig) -> ScoredModel | None:
    """Score the champion, if there is another one, under the challenger's protocol: on the challenger's val split."""
    client = connect(home())
    version = find_champion(client, challenger.name)
    if version is None or str(version.version) == challenger.version:
        return None
    manifest = client.get_model_version(challenger.name, challenger.version).tags["shardgan.manifest"]
    return _score(client, version, manifest, config)


@task(task_run_name="gate-{challenger.name}")
def decide(challenger: ScoredModel, champion: ScoredModel | None, policy: PromotionPolicy) -> Verdict:
    """Let the gate decide between the two, and move the alias if the challenger wins."""
    client = connect(home())
    version = client.get_model_version(challenger.name, challenger.version)
    rival = (client.get_model_version(champion.name, champion.version), champion.scores) if champion else None
    return promote(client, home(), version, challenger.scores, rival, policy)


def _score(client: MlflowClient, version: ModelVersion, manifest_uri: str, config: EvalConfig) -> ScoredModel:
    manifest = load_manifest(manifest_uri)
    net = load_feature_net(config.feature_net, config.input_size, resolve_device(config.device))
    protocol = _protocol(manifest, config, net)
    scores = _known_scores(version, protocol)
    if scores is None:
        scores = _measure(version, manifest_uri, manifest, config, net, protocol)
        tag_version(client, version, _score_tags(scores))
        for name, value in scores.values.items():
            client.log_metric(str(version.run_id), f"{SCORE_PREFIX}{protocol.digest()}/{name}", value)
    return ScoredModel(name=version.name, version=str(version.version), scores=scores)


def _protocol(manifest: Manifest, config: EvalConfig, net: FeatureNet) -> Protocol:
    if (num_reference := manifest.num_samples(SPLIT)) < 2:
        raise RequestError(
            f"{manifest.name} has {num_reference} images in the split {SPLIT}, scores need 2 at least and mean little "
            "below some hundred: build it with a larger shard.val_fraction"
        )
    return Protocol.of(
        config,
        net,
        dataset=manifest.dataset,
        dataset_version=manifest.version,
        num_reference=num_reference,
        split=SPLIT,
    )


def _known_scores(version: ModelVersion, protocol: Protocol) -> Scores | None:
    """Scores that the version already carries under this protocol: they would come out the same."""
    stored = version.tags.get(f"shardgan.scores.{protocol.digest()}")
    return Scores.model_validate_json(stored) if stored else None


def _score_tags(scores: Scores) -> dict[str, str]:
    tags = {f"shardgan.scores.{scores.protocol.digest()}": scores.model_dump_json()}
    return tags | {f"score.{name}": f"{value:.6g}" for name, value in scores.values.items()}


def _measure(
    version: ModelVersion,
    manifest_uri: str,
    manifest: Manifest,
    config: EvalConfig,
    net: FeatureNet,
    protocol: Protocol,
) -> Scores:
    total = protocol.num_reference + config.num_images
    with ProgressReport("scoring", f"Scoring {version.name} version {version.version}", total) as progress:
        reference = reference_features(
            real_images(manifest_uri),
            net,
            home().features,
            f"{manifest.dataset} {manifest.version} {SPLIT} {protocol.num_reference}",
            config.batch_size,
            lambda done, _: progress.update(done, "real images"),
        )
        return evaluate(
            generated_images(load_pyfunc(version), manifest, config),
            reference,
            config,
            net,
            protocol,
            lambda done, _: progress.update(protocol.num_reference + done, "generated images"),
        )


def real_images(manifest_uri: str) -> Iterator[np.ndarray]:
    """The val split as one uint8 NCHW batch; nothing is read before the first is asked for."""
    yield load_split(manifest_uri, SPLIT).images


def generated_images(model: Any, manifest: Manifest, config: EvalConfig) -> Iterator[np.ndarray]:
    """uint8 NCHW batches of a loaded version's images, classes in the shares that the val split has."""
    for row in request_rows(manifest, config):
        yield decode(model.predict(pd.DataFrame([row]))["image"])


def request_rows(manifest: Manifest, config: EvalConfig) -> list[dict[str, int]]:
    """What to ask the model for: `config.num_images` in all, each row with a seed of its own."""
    counts = share_out(config.num_images, list(manifest.histogram(SPLIT).values()) or [1])
    labels = range(len(counts)) if manifest.labels else [-1]
    rows: list[dict[str, int]] = []
    for label, count in zip(labels, counts, strict=True):
        for start in range(0, count, IMAGES_A_CALL):
            seed = config.seed + len(rows)
            rows.append({"num_images": min(IMAGES_A_CALL, count - start), "seed": seed, "label": label})
    return rows


def share_out(total: int, weights: list[int]) -> list[int]:
    """`total` divided in proportion to `weights`, in whole numbers that add up to it (largest remainder)."""
    exact = np.array(weights) * total / sum(weights)
    counts = np.floor(exact).astype(int)
    for index in np.argsort(counts - exact, kind="stable")[: total - counts.sum()]:
        counts[index] += 1
    return [int(count) for count in counts]


def decode(pictures: "pd.Series[bytes]") -> np.ndarray:
    """uint8 NCHW of PNG bytes."""
    arrays = [np.asarray(Image.open(io.BytesIO(data), formats=["PNG"])) for data in pictures]
    batch = np.stack(arrays)
    return batch[:, None] if batch.ndim == 3 else np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
