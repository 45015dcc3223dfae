"""The commands: what each one runs, its settings, and which of these are plain flags."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from pydantic import BaseModel

from flows.cli import plans
from flows.cli.settings import Tree
from flows.configs import (
    ApproveModelConfig,
    BuildDatasetConfig,
    CompressionStudyConfig,
    DeclineModelConfig,
    DoctorConfig,
    DriftConfig,
    EvaluateGanConfig,
    PipelineConfig,
    PromoteModelConfig,
    RollbackModelConfig,
    TrainGanConfig,
)
from tasks.datasets.config import GenerateConfig, ScreenConfig
from tasks.evaluation.dossier.config import DossierConfig, PullConfig, PushConfig
from tasks.evaluation.export.config import ExportConfig
from tasks.registry.config import LineageConfig, SignConfig
from tasks.service.monitoring.config import MetricsConfig
from tasks.service.settings import ServiceConfig, WorkerConfig

SHARD_FLAGS = {f"--{name}": f"shard.{name}" for name in ("source", "dataset", "resolution", "encoding", "workers")}
STUDY_FLAGS = {flag: name for flag, name in SHARD_FLAGS.items() if flag != "--encoding"} | {
    "--codecs": "study.codecs",
    "--bytes": "study.bytes",
}
TRAIN_FLAGS = {f"--{name}": f"train.{name}" for name in ("family", "nimg", "seed", "init")}
MODEL_FLAG = {"--model": "model"}


@dataclass(frozen=True)
class Command:
    """One command of the command line.

    `runs` is `module:function`. It is imported just before it runs, because flows import Prefect, MLflow and torch.
    """

    name: str
    help: str
    config: type[BaseModel]
    runs: str
    plan: Callable[[Any], plans.Plan]
    flags: dict[str, str] = field(default_factory=dict)
    fill_in: Callable[[Tree, Tree], Tree] = lambda tree, _file: tree
    succeeded: Callable[[Any], bool] = lambda outcome: True
    positional: str = ""  # the settings that bare first words stand for, in their order, separated by spaces
    switches: frozenset[str] = frozenset()  # flags that are true without a value
    builds: bool = False  # a flow whose first stage is a build, which begins while the flow is imported
    check: Callable[[Any], plans.Plan] | None = None  # the checks of `plan` alone, if its sentences take seconds
    trains: bool = False  # a flow that trains in this process, whose trainer starts while the flow is imported
    scores: bool = False  # a flow that scores the version `model`, whose images are read while the flow is imported
    of_source: str = (
        ""  # what runs instead of `runs` when the setting `source` is given; it needs neither log nor server
    )
    is_service: bool = False  # a server or worker, whose log lines are what its terminal shows

    @property
    def is_flow(self) -> bool:
        """Return whether the function is a Prefect flow, which needs a server."""
        return self.runs.startswith("flows.") and not self.is_service

    def load(self, runs: str = "") -> Callable[[Any], Any]:
        """Import the function of the command. It takes the config and returns an outcome with facts."""
        module, _, name = (runs or self.runs).partition(":")
        function: Callable[[Any], Any] = getattr(import_module(module), name)
        return function


def dataset_of_file(tree: Tree, file: Tree) -> Tree:
    """Take the dataset's name from `shard`, if the file was written for `run`."""
    name = file.get("shard", {}).get("dataset")
    return {"dataset": name} | tree if name else tree


def model_of_file(tree: Tree, file: Tree) -> Tree:
    """Take the model's name from the file. If a file for `run` has none, the model has the dataset's name."""
    name = file.get("model") or file.get("shard", {}).get("dataset")
    return tree | {"model": name} if name else tree


def source_is_a_flag(tree: Tree, _file: Tree) -> Tree:
    """Take how to read a source from the file, but not the source: with a file for `run`, the service is checked."""
    return tree | {"shard": {k: v for k, v in tree["shard"].items() if k != "source"}} if "shard" in tree else tree


COMMANDS = [
    Command(
        "build",
        "Shard a collection of compressed images into a dataset version.",
        BuildDatasetConfig,
        "flows.stages.build_dataset:build_dataset",
        plans.plan_build,
        SHARD_FLAGS,
        builds=True,
    ),
    Command(
        "train",
        "Train a generator on a dataset and register it as challenger.",
        TrainGanConfig,
        "flows.stages.train_gan:train_gan",
        plans.plan_train,
        {"--dataset": "dataset", "--blend": "data.blend", **MODEL_FLAG, **TRAIN_FLAGS},
        dataset_of_file,
        check=plans.check_train,
        trains=True,
    ),
    Command(
        "evaluate",
        "Score a registered generator, and make it champion if it is better.",
        EvaluateGanConfig,
        "flows.stages.evaluate_gan:evaluate_gan",
        plans.plan_evaluate,
        {**MODEL_FLAG, "--num-images": "evaluate.num_images"},
        model_of_file,
        scores=True,
    ),
    Command(
        "run",
        "Shard, train, evaluate, register, promote: from a folder of images to a champion.",
        PipelineConfig,
        "flows.pipelines.pipeline:pipeline",
        plans.plan_pipeline,
        {**SHARD_FLAGS, "--blend": "data.blend", **MODEL_FLAG, **TRAIN_FLAGS, "--num-images": "evaluate.num_images"},
        builds=True,
        check=plans.check_pipeline,
    ),
    Command(
        "drift",
        "Compare the new files of a source with the champion's dataset, and train if they are worth it.",
        DriftConfig,
        "flows.pipelines.drift:drift",
        plans.plan_drift,
        {**SHARD_FLAGS, **MODEL_FLAG, **TRAIN_FLAGS, "--num-images": "evaluate.num_images"},
    ),
    Command(
        "study",
        "Measure the effect of compression on a collection, and on a generator that learns from it.",
        CompressionStudyConfig,
        "flows.pipelines.compression_study:compression_study",
        plans.plan_study,
        {**STUDY_FLAGS, **TRAIN_FLAGS, "--num-seeds": "study.num_seeds", "--num-images": "evaluate.num_images"},
    ),
    Command(
        "promote",
        "Make a registered version champion by hand, whatever its scores are.",
        PromoteModelConfig,
        "flows.decisions.promote_model:promote_model",
        plans.plan_promote,
        {**MODEL_FLAG, "--why": "why"},
    ),
    Command(
        "rollback",
        "Make the previous champion the champion again.",
        RollbackModelConfig,
        "flows.decisions.rollback_model:rollback_model",
        plans.plan_rollback,
        {**MODEL_FLAG, "--why": "why"},
    ),
    Command(
        "approve",
        "Approve a version that waits for a person: it becomes champion.",
        ApproveModelConfig,
        "flows.decisions.approve_model:approve_model",
        plans.plan_approve,
        {**MODEL_FLAG, "--reason": "reason", "--by": "by", "--anyway": "anyway"},
        positional="model",
        switches=frozenset({"anyway"}),
    ),
    Command(
        "decline",
        "Decline a version that waits for a person: the champion stays.",
        DeclineModelConfig,
        "flows.decisions.decline_model:decline_model",
        plans.plan_decline,
        {**MODEL_FLAG, "--reason": "reason", "--by": "by"},
        positional="model",
    ),
    Command(
        "generate",
        "Generate images with a registered model, and store them as a dataset version.",
        GenerateConfig,
        "flows.stages.generate_images:generate_images",
        plans.plan_generate,
        {f"--{name.replace('_', '-')}": name for name in ("model", "dataset", "num_images", "out", "seed")},
    ),
    Command(
        "export",
        "Write images of a registered model as files, with a grid and an animation.",
        ExportConfig,
        "tasks.evaluation.export.images:export_images",
        plans.plan_export,
        {
            f"--{name.replace('_', '-')}": name
            for name in ("model", "out", "num_images", "classes", "seed", "truncation", "format")
        },
        positional="model",
    ),
    Command(
        "screen",
        "Screen incoming images with a version's shield. Write a sheet of suspects and the table for `shard.screen`.",
        ScreenConfig,
        "flows.stages.screen_images:screen_images",
        plans.plan_screen,
        {"--source": "source", **MODEL_FLAG, "--allow": "allow"},
    ),
    Command(
        "sign",
        "Sign a registered version with the key in SHARDGAN_SIGNING_KEY. Without a key, record the hash of its files.",
        SignConfig,
        "tasks.registry.versions:sign_version",
        plans.plan_sign,
        MODEL_FLAG,
        positional="model",
    ),
    Command(
        "lineage",
        "Show the origin of a version, and check every hash from the model back to its shards. Reads all shards.",
        LineageConfig,
        "tasks.registry.audit:trace_lineage",
        plans.plan_lineage,
        MODEL_FLAG,
        succeeded=lambda outcome: outcome.whole,
        positional="model",
    ),
    Command(
        "dossier",
        "Write the papers of a version: model card, ML-BOM, Croissant, checked lineage, licences, limits. One page.",
        DossierConfig,
        "tasks.evaluation.dossier.writing:write_dossier",
        plans.plan_dossier,
        {f"--{name}": name for name in ("model", "out", "license")},
        succeeded=lambda outcome: not outcome.failed,
        positional="model",
    ),
    Command(
        "push",
        "Copy a version with its dossier into a repository on the Hugging Face Hub, or into a folder.",
        PushConfig,
        "tasks.evaluation.dossier.exchange.push:push_model",
        plans.plan_push,
        {f"--{name}": name for name in ("model", "repo", "license")},
        positional="model repo",
    ),
    Command(
        "pull",
        "Register a version from such a repository. Every hash is verified first, and none of its code runs.",
        PullConfig,
        "tasks.evaluation.dossier.exchange.pull:pull_model",
        plans.plan_pull,
        {"--repo": "repo", **MODEL_FLAG, "--revision": "revision"},
        positional="repo",
    ),
    Command(
        "up",
        "Run the whole service on this machine: both servers, a worker for CPU work and one for training.",
        ServiceConfig,
        "flows.service:run_service",
        plans.plan_up,
        is_service=True,
    ),
    Command(
        "setup",
        "Create or update pools, deployments and automations on a running server.",
        ServiceConfig,
        "flows.service:set_up_service",
        plans.plan_setup,
        is_service=True,
    ),
    Command(
        "doctor",
        "Check settings, versions, storage, GPU, servers and workers, and say how to fix each problem. With --source, "
        "say how the files of a collection are compressed, what this costs, and which setting to use.",
        DoctorConfig,
        "tasks.service.doctor:examine",
        plans.plan_doctor,
        {"--source": "source", "--resolution": "shard.resolution"},
        source_is_a_flag,
        succeeded=lambda outcome: getattr(outcome, "sound", True),
        of_source="tasks.datasets.compression.look:examine_collection",
    ),
    Command(
        "metrics",
        "Serve figures for Prometheus on a machine without `shardgan up`: its trainings, GPUs, datasets and servers.",
        MetricsConfig,
        "tasks.service.monitoring.server:serve",
        plans.plan_metrics,
        is_service=True,
    ),
    Command(
        "worker",
        "Run a worker for a pool of a running server: `cpu`, or `gpu` for training.",
        WorkerConfig,
        "flows.service:run_worker",
        plans.plan_worker,
        positional="pool",
        is_service=True,
    ),
]
