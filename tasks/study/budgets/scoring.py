"""Scores of the arms' generators against the clean val split, under both judges."""

from collections.abc import Iterator

import numpy as np
from prefect import task
from pydantic import BaseModel, ConfigDict

from models.features.cache import reference_features
from models.features.feature_net import Array, FeatureNet
from models.metrics.config import EvalConfig
from models.metrics.evaluation import Scores
from models.metrics.scores import score_features
from shards import Dataset
from tasks.evaluation.feature_nets import find_second_net
from tasks.evaluation.measuring import generated_images
from tasks.flow_runs.progress import ProgressReport
from tasks.home import home
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.registry.versions import resolve_version
from tasks.study.budgets.arms import Arm
from tasks.study.record import open_record, slug
from tasks.study.scoring import load_net, pick_grid, study_protocol, val_features
from tasks.study.variants import Variant
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags
from tasks.trainer.pictures import request_rows


class ArmScores(BaseModel):
    """Scores of one generator: one `Scores` for each judge, the first one first."""

    model_config = ConfigDict(frozen=True)

    codec: str
    budget: int
    robust: bool
    seed: int
    model: str
    judges: list[Scores]


@task(task_run_name="score-arm-{arm.key}-seed-{seed}")
def score_arm(
    study_run: str, clean: Variant, arm: Arm, robust: bool, seed: int, model: str, config: EvalConfig
) -> ArmScores:
    """Score a registered generator against the clean val split; found again where that was done before."""
    record = open_record(study_run)
    version = resolve_version(connect(home()), model)
    weights = VersionTags.of(version, "weights_sha256").weights_sha256
    settings = config.model_dump(exclude={"device", "batch_size", "num_train", "num_val"})
    inputs = {"weights": weights, "clean": clean.version, "config": settings}
    name = f"{arm.key}{'-known' if robust else ''}"

    def measure() -> ArmScores:
        dataset = Dataset.open(clean.manifest)
        images = np.concatenate(list(generated_images(LoadedGenerator.load(version), dataset, config)))
        rows = request_rows(dataset, config)
        labels = np.repeat([row["label"] for row in rows], [row["num_images"] for row in rows])
        record.keep_picture(f"arm-{slug(name)}-seed-{seed}", pick_grid(images, labels, len(dataset.labels)))
        judged = []
        for number, (net, asked) in enumerate(_judges(clean, config)):
            reference = val_features(clean, net, asked)
            key = f"generated {weights} {rows} as {clean.version}"
            features = _features(images, net, key, config.batch_size, f"{name}, judge {number + 1}")
            protocol = study_protocol(clean, net, asked, "ema", len(features), "")
            judged.append(Scores.of(score_features(features, reference, net.label, config.seed), protocol))
        return ArmScores(codec=arm.codec, budget=arm.budget, robust=robust, seed=seed, model=model, judges=judged)

    return record.once(ArmScores, name, inputs, measure)


def _features(images: Array, net: FeatureNet, key: str, batch_size: int, name: str) -> Array:
    with ProgressReport("study-arm", f"Scoring {name}", len(images)) as progress:
        return reference_features(
            images,
            net,
            home().features,
            key,
            batch_size,
            lambda done, _: progress.update(done, "generated images"),
        )


def _judges(clean: Variant, config: EvalConfig) -> Iterator[tuple[FeatureNet, EvalConfig]]:
    yield load_net(clean, config), config
    second = find_second_net(config)
    if second is not None:
        alone = {"feature_net": config.second, "second_net": "none", "weights": "", "weights_sha256": ""}
        yield second, config.model_copy(update=alone)
