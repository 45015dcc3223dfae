"""An estimate of what a comparison by bytes will cost, before anything is started. Nothing is written."""

from models.metrics.config import EvalConfig
from models.training.config import TrainConfig
from shards import ShardConfig, list_entries
from tasks.study.budgets.arms import can_be_robust
from tasks.study.budgets.config import name_budget
from tasks.study.config import CLEAN, StudyConfig
from tasks.study.costs import SECONDS_A_FILE, SECONDS_A_TRAINING, describe_time, measure_speed, network_of


def describe_budget_costs(shard: ShardConfig, study: StudyConfig, train: TrainConfig, config: EvalConfig) -> list[str]:
    """Say in sentences how many versions, trainings and images, and how much time; measures a few steps."""
    num_files = sum(1 for _ in list_entries(shard))
    codecs = [codec for codec in study.codecs if codec != CLEAN]
    robust = [codec for codec in codecs if can_be_robust(codec)] if train.compression == "off" else []
    times = len(study.budgets) * study.num_seeds
    spec = network_of(shard, train)
    plain = measure_speed(train, spec, config)
    slow = measure_speed(train.model_copy(update={"compression": "learned"}), spec, config) if robust else plain
    num_trainings = times * (len(codecs) + len(robust))
    seconds = times * (len(codecs) * train.nimg / plain.training + len(robust) * train.nimg / slow.training)
    seconds += num_trainings * SECONDS_A_TRAINING
    num_judges = 2 if config.second else 1
    scoring = num_judges * num_trainings * config.num_images / plain.features
    sharding = (len(study.codecs) + len(study.budgets)) * num_files * SECONDS_A_FILE
    return [
        f"shard {num_files:,} files as {len(study.codecs)} dataset versions, and {len(codecs)} more for each budget: "
        f"{', '.join(map(name_budget, study.budgets))}; {describe_time(sharding)}",
        f"train {train.family} {num_trainings} times, {train.nimg:,} images each: {', '.join(codecs)}"
        + (f", and again with train.compression=known: {', '.join(robust)}" if robust else "")
        + f"; {describe_time(seconds)} one after the other at the {plain.training:,.0f} images/s measured here"
        + (f" ({slow.training:,.0f} with compression)" if robust else ""),
        f"put {num_judges * num_trainings * config.num_images:,} images through {num_judges} judges; "
        f"{describe_time(scoring)} at the {plain.features:,.0f} images/s measured here",
        f"in all {describe_time(sharding + seconds + scoring)}",
    ]
