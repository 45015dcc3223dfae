"""Measure the effect of compression on a collection, and on a generator that learns from it."""

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Annotated, TypeVar

from prefect import flow

from flows.configs import CompressionStudyConfig, TrainGanConfig
from flows.forms import Form
from flows.stages.train_gan import train_gan
from tasks.errors import TrainingFailed
from tasks.evaluation.stage import check_scorable
from tasks.flow_runs.exclusion import sole_run
from tasks.flow_runs.liveness import check_attempts
from tasks.flow_runs.run_names import name_run
from tasks.study.budgets.arms import Arm, build_arm, can_be_robust, check_budgets
from tasks.study.budgets.publishing import BudgetOutcome, publish_budgets
from tasks.study.budgets.scoring import score_arm
from tasks.study.preprocessing.measuring import measure_preprocessing
from tasks.study.publishing import StudyOutcome, publish_study
from tasks.study.record import study_run
from tasks.study.scoring import score_codec, score_generator
from tasks.study.variants import Variant, build_variant, check_comparable, study_name, training_codec
from tasks.training.delegation import await_training, begin_training, find_outcome, is_deployed
from tasks.training.outcome import TrainOutcome
from tasks.training.stage import plan_run

logger = logging.getLogger(__name__)
Key = TypeVar("Key", bound=Hashable)
Models = dict[tuple[str, int], str]  # by codec and seed


@flow(name="compression-study", flow_run_name=name_run("{config.shard.dataset}", "compression"))
def compression_study(config: Annotated[CompressionStudyConfig, Form()]) -> StudyOutcome | BudgetOutcome:
    """Shard with every codec, train on each, and compare all with the clean images. Finished steps are not repeated.

    With `study.bytes`, each codec gets only as many images as the budget affords.
    """
    check_attempts()
    with (
        sole_run(study_name(config.shard.dataset), "wait"),
        study_run(study_name(config.shard.dataset), config.about()) as run,
    ):
        clean = build_variant(run, config.shard, config.study.codecs[0])
        check_scorable(clean.manifest, config.evaluate)  # check this first, before hours of work
        variants = [clean, *(build_variant(run, config.shard, codec) for codec in config.study.codecs[1:])]
        check_comparable(variants)
        if config.study.bytes:
            return compare_budgets(run, variants, config)
        scores = [score_codec(run, clean, variant, config.evaluate) for variant in variants]
        measured = config.study.preprocessing
        choices = measure_preprocessing(run, clean, config.shard, config.evaluate) if measured else []
        models, failures = train_variants(run, variants, config)
        generators = [
            score_generator(run, clean, variant, seed, model, config.evaluate)
            for variant in variants
            for seed in seeds(config)
            if (model := models.get((training_codec(variants, variant.codec), seed)))
        ]
        return publish_study(run, variants, scores, generators, failures, choices, config.model_dump(mode="json"))


def compare_budgets(run: str, variants: Sequence[Variant], config: CompressionStudyConfig) -> BudgetOutcome:
    """Train on as many images of each codec as every budget affords, the same number of steps each, and compare."""
    clean, *others = variants
    check_budgets(others, config.study.budgets, config.train.seed)
    arms = {
        (one.codec, budget): build_arm(run, config.shard, one, budget, config.train.seed)
        for budget in config.study.budgets
        for one in others
    }
    wanted = {
        (*key, robust, seed): training_of_arm(run, arm, robust, seed, config)
        for key, arm in arms.items()
        for robust in ((False, True) if can_be_robust(arm.codec) and config.train.compression == "off" else (False,))
        for seed in seeds(config)
    }
    scores, failures = [], []
    for (codec, budget, robust, seed), outcome in begin_all(wanted, config.training_deployment).items():
        try:
            model = outcome().model.uri
        except TrainingFailed as failure:
            logger.warning("%s, %s bytes, seed %s: %s", codec, budget, seed, failure)
            failures.append(f"{codec}, {budget:,} bytes, seed {seed}: {failure}")
        else:
            scores.append(score_arm(run, clean, arms[codec, budget], robust, seed, model, config.evaluate))
    return publish_budgets(run, clean, list(arms.values()), scores, failures, config.model_dump(mode="json"))


def training_of_arm(run: str, arm: Arm, robust: bool, seed: int, config: CompressionStudyConfig) -> TrainGanConfig:
    """Return the config of the training of one arm. As in `training_of`, quick scores are off."""
    health = config.train.health.model_copy(update={"score_ticks": 0})
    update = {"seed": seed, "health": health} | ({"compression": "known"} if robust else {})
    return TrainGanConfig(
        dataset=f"{arm.dataset}@{arm.version}",
        model=arm.dataset,
        parent_run=run,
        train=config.train.model_copy(update=update),
        data=config.data,
    )


def seeds(config: CompressionStudyConfig) -> range:
    """Return the seeds for the trainings of each codec."""
    return range(config.train.seed, config.train.seed + config.study.num_seeds)


def train_variants(
    run: str, variants: Sequence[Variant], config: CompressionStudyConfig
) -> tuple[Models, dict[str, list[str]]]:
    """Train every codec with every seed. Codecs with equal pixels share a training. A failure is also a result."""
    models: Models = {}
    failures: dict[str, list[str]] = {}
    distinct = [variant for variant in variants if training_codec(variants, variant.codec) == variant.codec]
    wanted = {(one.codec, seed): training_of(run, one, seed, config) for one in distinct for seed in seeds(config)}
    # Start all trainings in the pool before waiting for the first one. Each worker of the pool then has one.
    for (codec, seed), outcome in begin_all(wanted, config.training_deployment).items():
        try:
            models[codec, seed] = outcome().model.uri
        except TrainingFailed as failure:
            logger.warning("%s, seed %s: %s", codec, seed, failure)
            failures.setdefault(codec, []).append(str(failure))
    return models, failures


def begin_all(wanted: Mapping[Key, TrainGanConfig], deployment: str) -> dict[Key, Callable[[], TrainOutcome]]:
    """Return functions that wait for each outcome. Trainings in the pool start now, local trainings when awaited."""
    if not is_deployed(deployment):
        return {key: partial(train_gan, training) for key, training in wanted.items()}
    return {key: begin_on_pool(training, deployment) for key, training in wanted.items()}


def begin_on_pool(training: TrainGanConfig, deployment: str) -> Callable[[], TrainOutcome]:
    """Start a training through the deployment unless it was done before. Return a function that awaits its outcome."""
    plan = plan_run(training.dataset, training.train, training.data)
    if known := find_outcome(plan.run, training.model):
        return lambda: known
    child = begin_training(deployment, {"config": training.model_dump(mode="json")}, plan.run)
    return partial(await_training, child, deployment, plan.run, training.model)


def training_of(run: str, variant: Variant, seed: int, config: CompressionStudyConfig) -> TrainGanConfig:
    """Return the config of one training. The study's generators are versions of one model, named like its dataset.

    Quick scores are off. They would choose a checkpoint with a different number of images seen for each codec, based on
    the codec's own val images.
    """
    health = config.train.health.model_copy(update={"score_ticks": 0})
    return TrainGanConfig(
        dataset=f"{variant.dataset}@{variant.version}",
        model=variant.dataset,
        parent_run=run,
        train=config.train.model_copy(update={"seed": seed, "health": health}),
        data=config.data,
    )
