"""Measures what preprocessing does to real images: the distance of each choice to the clean val images.

All are measured on images alone: no generator is trained for them.
"""

import numpy as np
from prefect import task
from pydantic import BaseModel, ConfigDict

from models.features.feature_net import Array, FeatureNet, compute_features
from models.metrics.config import EvalConfig
from models.metrics.evaluation import Scores
from models.metrics.scores import score_features
from shards import Dataset, ShardConfig
from tasks.datasets.sharding import build_shards
from tasks.flow_runs.progress import ProgressReport
from tasks.study.preprocessing.choice import Choice
from tasks.study.preprocessing.resizing import decode_scales, filters
from tasks.study.preprocessing.subsampling import subsamplings
from tasks.study.preprocessing.value_range import ranges
from tasks.study.record import open_record
from tasks.study.scoring import decisive, load_net, study_protocol, val_features
from tasks.study.variants import Variant, files_name
from tasks.trainer.pictures import SPLIT


class Choices(BaseModel):
    """All that was measured, group by group."""

    model_config = ConfigDict(frozen=True)

    choices: list[Choice]


@task(task_run_name="preprocessing")
def measure_preprocessing(study_run: str, clean: Variant, shard: ShardConfig, config: EvalConfig) -> list[Choice]:
    """Measure every choice on the val split, unless that was done before."""
    record = open_record(study_run)
    inputs = {"clean": clean.version, "config": decisive(config)}
    return record.once(Choices, "preprocessing", inputs, lambda: _measure(clean, shard, config)).choices


def _measure(clean: Variant, shard: ShardConfig, config: EvalConfig) -> Choices:
    untouched = {"dataset": files_name(shard.dataset), "shape": "as_is", "encoding": "original"}
    source = Dataset.open(build_shards(shard.model_copy(update=untouched)).manifest)
    net = load_net(clean, config)
    reference = val_features(clean, net, config)
    images = Dataset.open(clean.manifest).open_split(SPLIT).images
    plans = [*filters(source, shard), *decode_scales(source, shard), *subsamplings(images), *ranges(images)]
    found = []
    with ProgressReport("study-preprocessing", "Measuring preprocessing", len(plans)) as progress:
        for number, (choice, make) in enumerate(plans):
            progress.update(number, choice.name)
            found.append(_score(choice, make(), clean, images, reference, net, config) if make else choice)
    return Choices(choices=found)


def _score(
    choice: Choice,
    made: Array,
    clean: Variant,
    images: Array,
    reference: Array,
    net: FeatureNet,
    config: EvalConfig,
) -> Choice:
    same = np.array_equal(made, images)
    features = reference if same else compute_features(made, net, config.batch_size)
    protocol = study_protocol(clean, net, config, "val images, preprocessed", len(made), "")
    scores = Scores.of(score_features(features, reference, net.label, config.seed), protocol)
    return choice.model_copy(
        update={"scores": scores, "changed": float(np.abs(made.astype(np.float32) - images).mean())}
    )
