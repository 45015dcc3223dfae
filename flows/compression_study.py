"""What compression does to a collection, and to a generator that learns from it."""

from collections.abc import Sequence
from typing import Annotated, Self

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field, model_validator

from flows.forms import Form
from flows.train_gan import TrainGanConfig, train_gan
from tasks.errors import TrainingFailed
from tasks.evaluation import EvalConfig, check_scorable
from tasks.sharding import ShardConfig
from tasks.study.config import StudyConfig
from tasks.study.preprocessing import measure_preprocessing
from tasks.study.publishing import StudyOutcome, publish_study
from tasks.study.record import study_run
from tasks.study.scoring import score_codec, score_generator
from tasks.study.variants import Variant, build_variant, check_comparable, study_name, training_codec
from tasks.training import DataConfig, TrainConfig, check_resolution

Models = dict[tuple[str, int], str]  # by codec and seed


class CompressionStudyConfig(BaseModel):
    """Which images, which codecs, and what is trained on each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shard: ShardConfig = Field(
        title="Sharding", description="which images; shard.encoding does not count here, study.codecs does"
    )
    study: StudyConfig = Field(StudyConfig(), title="Study", description="what is compared")
    train: TrainConfig = Field(TrainConfig(), title="Training", description="how a generator is trained on each codec")
    data: DataConfig = Field(DataConfig(), title="Data", description="how training images reach the trainer")
    evaluate: EvalConfig = Field(EvalConfig(), title="Evaluation", description="how distances are measured")

    @model_validator(mode="after")
    def _network_can_make_it(self) -> Self:
        check_resolution(self.train.family, self.shard.resolution)
        return self

    def about(self) -> dict[str, object]:
        """What makes it this study: codecs and seeds may be added to it later."""
        shard = self.shard.content_settings()
        del shard["encoding"]
        where = {"source": self.shard.source, "dataset": self.shard.dataset}
        trained = {"train": self.train.model_dump(mode="json"), "data": self.data.identity()}
        return {"shard": where | shard, **trained, "evaluate": self.evaluate.model_dump(mode="json")}


@flow(name="compression-study", flow_run_name="{config.shard.dataset}-compression")
def compression_study(config: Annotated[CompressionStudyConfig, Form()]) -> StudyOutcome:
    """Shard in every codec, train on each, hold all against the clean images; nothing is made or measured twice."""
    with study_run(study_name(config.shard.dataset), config.about()) as run:
        variants = [build_variant(run, config.shard, codec) for codec in config.study.codecs]
        check_comparable(variants)
        clean = variants[0]
        check_scorable(clean.manifest, config.evaluate)  # before hours of training, not after
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


def seeds(config: CompressionStudyConfig) -> range:
    """The seeds that each codec is trained with."""
    return range(config.train.seed, config.train.seed + config.study.num_seeds)


def train_variants(
    run: str, variants: Sequence[Variant], config: CompressionStudyConfig
) -> tuple[Models, dict[str, list[str]]]:
    """Train every codec with every seed, codecs of equal pixels once; a training that fails is a result as well."""
    models: Models = {}
    failures: dict[str, list[str]] = {}
    for variant in variants:
        if training_codec(variants, variant.codec) != variant.codec:
            continue
        for seed in seeds(config):
            try:
                models[variant.codec, seed] = train_gan(training_of(run, variant, seed, config)).model.uri
            except TrainingFailed as failure:
                failures.setdefault(variant.codec, []).append(str(failure))
    return models, failures


def training_of(run: str, variant: Variant, seed: int, config: CompressionStudyConfig) -> TrainGanConfig:
    """One training of the study; the study's generators are versions of one model, named like its dataset."""
    return TrainGanConfig(
        dataset=f"{variant.dataset}@{variant.version}",
        model=variant.dataset,
        parent_run=run,
        train=config.train.model_copy(update={"seed": seed}),
        data=config.data,
    )
