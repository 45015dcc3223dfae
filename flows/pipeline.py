"""From a folder of compressed images to a champion in the registry."""

from typing import Annotated, Self

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field, model_validator

from flows.build_dataset import BuildDatasetConfig, build_dataset
from flows.evaluate_gan import EvaluateGanConfig, evaluate_gan
from flows.forms import Form
from flows.train_gan import TrainGanConfig, train_gan
from tasks.evaluation import EvalConfig, EvaluateOutcome, PromotionPolicy, check_scorable
from tasks.promotion import check_floors
from tasks.sharding import BuildOutcome, ShardConfig
from tasks.training import DataConfig, TrainConfig, TrainOutcome, check_resolution


class PipelineConfig(BaseModel):
    """Everything, from source to champion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shard: ShardConfig = Field(title="Sharding", description="which images, and how they are stored")
    model: str = Field("", max_length=200, title="Model", description="name in the registry; empty: the dataset's name")
    dask_scheduler: str = Field(
        "",
        max_length=300,
        title="Dask scheduler",
        description="address of a Dask cluster for sharding; empty: this machine",
    )
    train: TrainConfig = Field(TrainConfig(), title="Training", description="how the generator is trained")
    data: DataConfig = Field(DataConfig(), title="Data", description="how training images reach the trainer")
    evaluate: EvalConfig = Field(EvalConfig(), title="Evaluation", description="how the generator is scored")
    promote: PromotionPolicy = Field(PromotionPolicy(), title="Promotion", description="when it becomes champion")

    @model_validator(mode="after")
    def _stages_fit_together(self) -> Self:
        check_resolution(self.train.family, self.shard.resolution)
        check_floors(self.promote, self.evaluate)
        return self


class PipelineOutcome(BaseModel):
    """What each stage came to."""

    model_config = ConfigDict(frozen=True)

    build: BuildOutcome
    train: TrainOutcome
    evaluate: EvaluateOutcome
    report: str


@flow(name="pipeline", flow_run_name="{config.shard.dataset}-{config.train.family}")
def pipeline(config: Annotated[PipelineConfig, Form()]) -> PipelineOutcome:
    """Shard, train, evaluate, register, promote; what is there already is not made again."""
    built = build_dataset(BuildDatasetConfig(shard=config.shard, dask_scheduler=config.dask_scheduler))
    check_scorable(built.manifest, config.evaluate)  # before hours of training, not after
    dataset = f"{built.dataset}@{built.version}"
    trained = train_gan(TrainGanConfig(dataset=dataset, model=config.model, train=config.train, data=config.data))
    evaluated = evaluate_gan(
        EvaluateGanConfig(model=trained.model.uri, evaluate=config.evaluate, promote=config.promote)
    )
    return PipelineOutcome(build=built, train=trained, evaluate=evaluated, report=evaluated.report)
