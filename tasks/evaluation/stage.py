"""The evaluation stage: score a registered version as consumers load it, let the gate decide, write the report."""

import io
import logging
from typing import Any

import numpy as np
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from PIL import Image
from prefect import task
from pydantic import BaseModel, ConfigDict

from models.compute.device import select_device
from models.features.cache import reference_features
from models.features.feature_net import FeatureNet
from models.grids import grid_png
from models.metrics.config import EvalConfig
from models.metrics.evaluation import Evaluation, Scores, evaluate
from models.metrics.protocol import Protocol
from models.metrics.scores import Classes
from shards import Dataset, Manifest
from tasks.errors import RequestError
from tasks.evaluation.classifier_gain import score_gain
from tasks.evaluation.feature_nets import check_feature_net, find_feature_net
from tasks.flow_runs.progress import ProgressReport
from tasks.home import home
from tasks.registry.config import PromotionPolicy
from tasks.registry.promotion import Verdict, promote
from tasks.registry.versions import find_champion, load_pyfunc, resolve_version, tag_version
from tasks.tracking.outages import RETRIES, RETRY_DELAYS, should_retry
from tasks.tracking.runs import connect
from tasks.trainer.pictures import (
    SPLIT,
    TRAIN,
    generated_image,
    generated_images,
    makes_classes,
    pick_train,
    real_images,
    reference_key,
    request_rows,
    train_images,
    train_places,
)

__all__ = [
    "EvalConfig",
    "EvaluateOutcome",
    "PromotionPolicy",
    "ScoredModel",
    "check_scorable",
    "decide",
    "score_champion",
    "score_model",
]

logger = logging.getLogger(__name__)
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

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        protocol = self.protocol
        return [
            ("scores", ", ".join(f"{name} {value:.4g}" for name, value in self.scores.items())),
            (
                "protocol",
                f"{protocol.num_generated:,} generated against {protocol.num_reference:,} {protocol.split} images at "
                f"{protocol.input_size} pixels, seed {protocol.seed} ({protocol.digest()})",
            ),
            ("promoted", f"{'yes' if self.promoted else 'no'}: {self.why}"),
            ("champion", self.champion or "none yet"),
            ("report", self.report),
        ]


@task(
    task_run_name="score-{model}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=should_retry,
)
def score_model(model: str, config: EvalConfig) -> ScoredModel:
    """Score the version that `model` names against the val split of the dataset version it was trained on."""
    client = connect(home())
    version = resolve_version(client, model)
    return _score(client, version, version.tags["shardgan.manifest"], config)


@task(
    task_run_name="score-champion-{challenger.name}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=should_retry,
)
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
    dataset = check_scorable(manifest_uri, config)
    net = find_feature_net(config, dataset)
    protocol = _protocol(dataset.manifest, config, net)
    scores = _known_scores(version, protocol)
    if scores is None:
        evaluation = _measure(version, dataset, config, net, protocol)
        scores = evaluation.scores
        log_pairs(client, version, dataset, config, evaluation)
        if config.gain:
            table = score_gain(client, version, dataset, config.gain, select_device(config.device))
            scores = scores.with_gain(table) if table else scores
        tag_version(client, version, _score_tags(scores))
        for name, value in scores.values.items():
            client.log_metric(str(version.run_id), f"{SCORE_PREFIX}{protocol.digest()}/{name}", value)
    return ScoredModel(name=version.name, version=str(version.version), scores=scores)


def check_scorable(manifest_uri: str, config: EvalConfig) -> Dataset:
    """Open the dataset that scores compare with.

    Raises RequestError or ConfigError where the evaluation cannot be: too few images, no classes, net or GPU.
    """
    dataset = Dataset.open(manifest_uri)
    if (num_reference := dataset.num_samples(SPLIT)) < 2:
        raise RequestError(
            f"{dataset.name} has {num_reference} images in the split {SPLIT}, scores need 2 at least and mean little "
            "below some hundred: build it with a larger shard.val_fraction, or of more images"
        )
    if config.gain and len(dataset.labels) < 2:
        raise RequestError(
            f"evaluate.classifier_nimg is {config.classifier_nimg}, but {dataset.name} has "
            f"{len(dataset.labels)} classes, two are needed: leave it at 0, or build the dataset with labels"
        )
    select_device(config.device)
    check_feature_net(config, dataset)
    return dataset


def _protocol(manifest: Manifest, config: EvalConfig, net: FeatureNet) -> Protocol:
    return Protocol.of(
        config,
        net,
        dataset=manifest.dataset,
        dataset_version=manifest.version,
        num_reference=manifest.num_samples(SPLIT),
        num_train=min(config.num_train, manifest.num_samples(TRAIN)),
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
    dataset: Dataset,
    config: EvalConfig,
    net: FeatureNet,
    protocol: Protocol,
) -> Evaluation:
    num_real = protocol.num_reference + protocol.num_train
    with ProgressReport(
        "scoring", f"Scoring {version.name} version {version.version}", num_real + config.num_images
    ) as progress:
        reference = reference_features(
            real_images(dataset),
            net,
            home().features,
            reference_key(dataset),
            config.batch_size,
            lambda done, _: progress.update(done, "real images"),
        )
        train = reference_features(
            train_images(dataset, config),
            net,
            home().features,
            f"{dataset.manifest.dataset} {dataset.manifest.version} {TRAIN} {protocol.num_train} seed {config.seed}",
            config.batch_size,
            lambda done, _: progress.update(protocol.num_reference + done, "training images"),
        )
        model = load_pyfunc(version)
        return evaluate(
            generated_images(model, dataset, config),
            reference,
            config,
            net,
            protocol,
            lambda done, _: progress.update(num_real + done, "generated images"),
            train=train,
            classes=_classes(model, dataset, config),
        )


def _classes(model: Any, dataset: Dataset, config: EvalConfig) -> Classes | None:
    """Which class each image is of; None where there are none, or the model does not make them when asked."""
    if not dataset.labels or not makes_classes(model, dataset):
        return None
    rows = request_rows(dataset, config)
    generated = np.repeat([row["label"] for row in rows], [row["num_images"] for row in rows])
    reference = np.array([sample.label for sample in dataset.stream(SPLIT)])
    return Classes(dataset.labels, generated, reference)


def log_pairs(
    client: MlflowClient,
    version: ModelVersion,
    dataset: Dataset,
    config: EvalConfig,
    evaluation: Evaluation,
) -> None:
    """Log the closest pairs as a picture to the version's run: generated above, nearest training image below."""
    if not evaluation.closest:
        return
    places = train_places(dataset, config)
    trained = pick_train(dataset, {places[pair.train] for pair in evaluation.closest})
    model = load_pyfunc(version)
    above = [generated_image(model, dataset, config, pair.generated) for pair in evaluation.closest]
    below = [trained[places[pair.train]][0] for pair in evaluation.closest]
    picture = Image.open(io.BytesIO(grid_png(np.stack(above + below), len(above))))
    client.log_image(str(version.run_id), picture, pairs_artifact(evaluation.scores.protocol))


def pairs_artifact(protocol: Protocol) -> str:
    """Where the closest pairs of an evaluation lie among the run's artifacts."""
    return f"pairs/{protocol.digest()}.png"
