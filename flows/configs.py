"""The settings of each flow: one class per flow.

Does not import Prefect, MLflow or torch: help, refused requests and `show-config` need only these classes.
"""

from typing import Self

from pydantic import Field, field_validator, model_validator

from tasks.datasets.config import CollectionConfig, DriftPolicy, ScreenPolicy, ShardConfig
from tasks.flow_runs.exclusion import Overlap
from tasks.registry.config import EvalConfig, ModelName, ModelUri, PromotionPolicy, check_floors
from tasks.service import settings as service
from tasks.study.config import StudyConfig
from tasks.trainer.config import DataConfig, Settings, TrainConfig, check_resolution
from tasks.trainer.nodes.config import LaunchConfig


class BuildDatasetConfig(Settings):
    """The images to shard, and the machines that do the work."""

    shard: ShardConfig = Field(title="Sharding", description="which images, and how they are stored")
    screening: ScreenPolicy = Field(
        ScreenPolicy(), title="Screening", description="strictness of shard.screen, and files that always pass"
    )
    dask_scheduler: str = Field(
        "",
        max_length=300,
        title="Dask scheduler",
        description="address of a Dask cluster that shares the source and the root, such as tcp://host:8786; empty: "
        "this machine",
    )


class TrainGanConfig(Settings):
    """The training and its dataset."""

    dataset: str = Field(
        title="Dataset",
        min_length=1,
        max_length=4096,
        description="name of a dataset (its latest version), name@version, or a path to a manifest.json",
    )
    model: ModelName = ""
    parent_run: str = Field(
        "",
        max_length=100,
        title="Parent run",
        description="id of the MLflow run that becomes the parent of this training's run; empty: none",
    )
    train: TrainConfig = Field(TrainConfig(), title="Training", description="how the generator is trained")
    data: DataConfig = Field(DataConfig(), title="Data", description="how training images reach the trainer")
    launch: LaunchConfig = Field(
        LaunchConfig(), title="Other nodes", description="how they are started if train.compute.nodes is above 1"
    )


class EvaluateGanConfig(Settings):
    """The model to score, the protocol, and the rule for its promotion."""

    model: ModelUri
    evaluate: EvalConfig = Field(EvalConfig(), title="Evaluation", description="how the generator is scored")
    promote: PromotionPolicy = Field(PromotionPolicy(), title="Promotion", description="when it becomes champion")

    @model_validator(mode="after")
    def _floors_are_measured(self) -> Self:
        check_floors(self.promote, self.evaluate)
        return self


class PromoteModelConfig(Settings):
    """The model and the reason."""

    model: ModelUri
    why: str = Field(
        min_length=1, max_length=500, title="Reason", description="the reason, which is kept with the version"
    )


PERSON = "who decides; empty: the user that runs the command"
DECISION_REASON = "the reason, which is kept with the version"


class ApproveModelConfig(Settings):
    """The version that waits for a person, and who approves it."""

    model: ModelUri
    reason: str = Field("", max_length=500, title="Reason", description=DECISION_REASON)
    by: str = Field("", max_length=100, title="Name", description=PERSON)
    anyway: bool = Field(
        False,
        title="Anyway",
        description="approve it although another version has become champion since the question was put, the time "
        "limit has passed, or somebody declined it",
    )


class DeclineModelConfig(Settings):
    """The version that waits for a person, and who declines it."""

    model: ModelUri
    reason: str = Field("", max_length=500, title="Reason", description=DECISION_REASON)
    by: str = Field("", max_length=100, title="Name", description=PERSON)


class AskApprovalConfig(Settings):
    """The version about which a person is asked."""

    model: ModelUri


class RollbackModelConfig(Settings):
    """The model and the reason."""

    model: str = Field(title="Model", min_length=1, max_length=300, description="name of the model in the registry")
    why: str = Field("", max_length=500, title="Reason", description="the reason, which is kept with the version")


class PipelineConfig(Settings):
    """Settings of all stages, from source to champion."""

    shard: ShardConfig = Field(title="Sharding", description="which images, and how they are stored")
    model: ModelName = ""
    screening: ScreenPolicy = Field(
        ScreenPolicy(), title="Screening", description="strictness of shard.screen, and files that always pass"
    )
    dask_scheduler: str = Field(
        "",
        max_length=300,
        title="Dask scheduler",
        description="address of a Dask cluster that does the sharding; empty: this machine",
    )
    train: TrainConfig = Field(TrainConfig(), title="Training", description="how the generator is trained")
    data: DataConfig = Field(DataConfig(), title="Data", description="how training images reach the trainer")
    launch: LaunchConfig = Field(
        LaunchConfig(), title="Other nodes", description="how they are started if train.compute.nodes is above 1"
    )
    evaluate: EvalConfig = Field(EvalConfig(), title="Evaluation", description="how the generator is scored")
    promote: PromotionPolicy = Field(PromotionPolicy(), title="Promotion", description="when it becomes champion")

    training_deployment: str = Field(
        "train-gan/gpu",
        max_length=200,
        title="Training deployment",
        description="deployment that does the training; if it is empty or the Prefect server does not know it, this "
        "process does the training",
    )
    overlap: Overlap = Field(
        "wait",
        title="Overlap",
        description="if another run works on the same dataset: wait until it ends (wait), or end as cancelled (cancel)",
    )

    @model_validator(mode="after")
    def _stages_fit_together(self) -> Self:
        check_resolution(self.shard.resolution, self.shard.image_width)
        check_floors(self.promote, self.evaluate)
        return self


class DriftConfig(PipelineConfig):
    """When new files are worth a training, and the settings of all stages for that training."""

    drift: DriftPolicy = Field(DriftPolicy(), title="Drift", description="when new files are worth a training")


class CompressionStudyConfig(Settings):
    """The images and codecs to compare, and the training on each codec."""

    shard: ShardConfig = Field(
        title="Sharding", description="which images, and how they are stored; study.codecs replaces shard.encoding"
    )
    study: StudyConfig = Field(StudyConfig(), title="Study", description="what is compared")
    train: TrainConfig = Field(
        TrainConfig(family="dcgan"),
        title="Training",
        description="how a generator is trained on each codec; family: dcgan, unless another is named",
    )
    data: DataConfig = Field(DataConfig(), title="Data", description="how training images reach the trainer")
    evaluate: EvalConfig = Field(EvalConfig(), title="Evaluation", description="how distances are measured")
    training_deployment: str = Field(
        "train-gan/gpu",
        max_length=200,
        title="Training deployment",
        description="deployment that does the training, all codecs at once if its pool has enough workers; if it is "
        "empty or the Prefect server does not know it, this process trains one codec after the other",
    )

    @field_validator("train", mode="before")
    @classmethod
    def _one_family(cls, given: object) -> object:
        if isinstance(given, TrainConfig):
            given = given.model_dump(exclude_unset=True)
        names_none = isinstance(given, dict) and "family" not in given and given.get("preset", "auto") == "auto"
        return {"family": "dcgan", **given} if names_none and isinstance(given, dict) else given

    @model_validator(mode="after")
    def _network_can_make_it(self) -> Self:
        check_resolution(self.shard.resolution, self.shard.image_width)
        if self.train.family == "auto":
            raise ValueError("train.family is auto, but a study compares trainings of one family: name it")
        return self

    def about(self) -> dict[str, object]:
        """The settings that identify the study. Codecs and seeds can be added to it later."""
        shard = self.shard.content_settings()
        del shard["encoding"]
        where = {"source": self.shard.source, "dataset": self.shard.dataset}
        trained = {"train": self.train.model_dump(mode="json"), "data": self.data.identity()}
        # A study has one judge, and compares with the whole val split.
        evaluate = self.evaluate.model_dump(mode="json", exclude={"second_net", "num_val"})
        return {"shard": where | shard, **trained, "evaluate": evaluate}


class DoctorConfig(service.DoctorConfig, CollectionConfig):
    """The checks of the installation. With a source: how the files of this collection are compressed."""
