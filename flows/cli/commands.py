"""The commands: which flow each one runs, which settings are plain flags, and what it would do."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from flows.build_dataset import BuildDatasetConfig, build_dataset
from flows.cli.settings import Tree
from flows.compression_study import CompressionStudyConfig, compression_study
from flows.evaluate_gan import EvaluateGanConfig, evaluate_gan
from flows.generate_images import generate_images
from flows.pipeline import PipelineConfig, pipeline
from flows.promote_model import PromoteModelConfig, promote_model
from flows.rollback_model import RollbackModelConfig, rollback_model
from flows.screen_images import screen_images
from flows.service import ServiceConfig, WorkerConfig, plan_up, run_service, run_worker, set_up_service
from flows.train_gan import TrainGanConfig, train_gan
from tasks.datasets.generation import GenerateConfig
from tasks.datasets.screening import ScreenConfig
from tasks.datasets.sharding import ShardConfig, check_source
from tasks.home import home
from tasks.registry.audit import LineageConfig, trace_lineage
from tasks.registry.signing import SignConfig
from tasks.registry.versions import sign_version
from tasks.service.doctor import DoctorConfig, examine
from tasks.study.costs import describe_costs
from tasks.study.variants import study_name
from tasks.training.sizes import describe_sizes
from tasks.training.stage import plan_run

Plan = list[str]
SHARD_FLAGS = {f"--{name}": f"shard.{name}" for name in ("source", "dataset", "resolution", "encoding", "workers")}
STUDY_FLAGS = {flag: name for flag, name in SHARD_FLAGS.items() if flag != "--encoding"} | {"--codecs": "study.codecs"}
TRAIN_FLAGS = {f"--{name}": f"train.{name}" for name in ("family", "nimg", "seed", "init")}


@dataclass(frozen=True)
class Command:
    """One word of the command line."""

    name: str
    help: str
    config: type[BaseModel]
    flow: Callable[[Any], Any]  # its outcome is a pydantic model with `facts()`
    flags: dict[str, str]
    plan: Callable[[Any], Plan]
    fill_in: Callable[[Tree, Tree], Tree] = lambda tree, _file: tree
    succeeded: Callable[[Any], bool] = lambda outcome: True
    positional: str = ""  # the setting that a bare first word stands for


def plan_build(config: BuildDatasetConfig) -> Plan:
    """What `build` would do; raises RequestError where the source is not there."""
    check_source(config.shard)
    shard = config.shard
    folder = f"{home().shared}/datasets/{shard.dataset}"
    door = f", only what {shard.screen} lets in" if shard.screen else ""
    return [f"shard {shard.source} at {shard.resolution} pixels as {shard.encoding} into {folder}{door}"]


def plan_train(config: TrainGanConfig) -> Plan:
    """What `train` would do; raises where the dataset is not there or does not fit the networks."""
    run = plan_run(config.dataset, config.train, config.data)
    return [
        *describe_sizes(run),
        f"train on {run.dataset}@{run.dataset_version} for {config.train.nimg:,} images in {home().runs / run.run}",
        f"register it as {config.model or run.dataset}@challenger in {home().shown_tracking_uri}",
    ]


def plan_evaluate(config: EvaluateGanConfig) -> Plan:
    """What `evaluate` would do."""
    return [
        f"score {config.model} with {config.evaluate.num_images:,} generated images and {config.evaluate.feature_net}",
        f"make it champion if its {config.promote.score} is better than the champion's under the same protocol",
    ]


def plan_pipeline(config: PipelineConfig) -> Plan:
    """What `run` would do; raises RequestError where the source is not there."""
    model = config.model or config.shard.dataset
    return [
        *plan_build(BuildDatasetConfig(shard=config.shard)),
        f"train {config.train.family} on it for {config.train.nimg:,} images under {home().runs}",
        f"register it as {model}@challenger in {home().shown_tracking_uri}",
        *plan_evaluate(EvaluateGanConfig(model=model, evaluate=config.evaluate, promote=config.promote)),
    ]


def plan_screen(config: ScreenConfig) -> Plan:
    """What `screen` would do; raises RequestError where the source is not there."""
    check_source(ShardConfig(source=config.source, dataset="incoming"))
    return [
        f"judge {config.source} by the shield of {config.model}, verdicts and suspects under {home().root}/screened"
    ]


def plan_generate(config: GenerateConfig) -> Plan:
    """What `generate` would do."""
    root = config.out or home().shared
    return [
        f"generate {config.num_images:,} images with {config.model}, seed {config.seed}",
        f"shard them as {config.dataset} under {root}/datasets",
    ]


def plan_study(config: CompressionStudyConfig) -> Plan:
    """What `study` would do and cost; raises RequestError where the source is not there."""
    check_source(config.shard)
    return [
        *describe_costs(config.shard, config.study, config.train, config.evaluate),
        f"keep the versions as {study_name(config.shard.dataset)} under {home().shared}, the report under "
        f"{home().reports}",
    ]


def dataset_of_file(tree: Tree, file: Tree) -> Tree:
    """A file written for `run` names the dataset under `shard`: take it from there."""
    name = file.get("shard", {}).get("dataset")
    return {"dataset": name} | tree if name else tree


def model_of_file(tree: Tree, file: Tree) -> Tree:
    """A file written for `run` may leave the model's name to the dataset's."""
    name = file.get("model") or file.get("shard", {}).get("dataset")
    return tree | {"model": name} if name else tree


COMMANDS = [
    Command(
        "build",
        "Shard a collection of compressed images into a dataset version.",
        BuildDatasetConfig,
        build_dataset,
        SHARD_FLAGS,
        plan_build,
    ),
    Command(
        "train",
        "Train a generator on a dataset and register it as challenger.",
        TrainGanConfig,
        train_gan,
        {"--dataset": "dataset", "--model": "model", **TRAIN_FLAGS},
        plan_train,
        dataset_of_file,
    ),
    Command(
        "evaluate",
        "Score a registered generator, and make it champion if it is better.",
        EvaluateGanConfig,
        evaluate_gan,
        {"--model": "model", "--num-images": "evaluate.num_images"},
        plan_evaluate,
        model_of_file,
    ),
    Command(
        "run",
        "Shard, train, evaluate, register, promote: from a folder of images to a champion.",
        PipelineConfig,
        pipeline,
        {**SHARD_FLAGS, "--model": "model", **TRAIN_FLAGS, "--num-images": "evaluate.num_images"},
        plan_pipeline,
    ),
    Command(
        "study",
        "Measure what compression does to a collection, and to a generator that learns from it.",
        CompressionStudyConfig,
        compression_study,
        {**STUDY_FLAGS, **TRAIN_FLAGS, "--num-images": "evaluate.num_images"},
        plan_study,
    ),
    Command(
        "promote",
        "Make a version champion by hand, without the gate.",
        PromoteModelConfig,
        promote_model,
        {"--model": "model", "--why": "why"},
        lambda config: [f"make {config.model} champion: {config.why}"],
    ),
    Command(
        "rollback",
        "Make the champion before the present one champion again.",
        RollbackModelConfig,
        rollback_model,
        {"--model": "model", "--why": "why"},
        lambda config: [f"make the champion of {config.model} before the present one champion again"],
    ),
    Command(
        "generate",
        "Generate images with a registered model, as a dataset version of their own.",
        GenerateConfig,
        generate_images,
        {f"--{name.replace('_', '-')}": name for name in ("model", "dataset", "num_images", "out", "seed")},
        plan_generate,
    ),
    Command(
        "screen",
        "Judge images that come in by a version's shield: suspects on a sheet, verdicts for `build shard.screen=`.",
        ScreenConfig,
        screen_images,
        {"--source": "source", "--model": "model", "--allow": "allow"},
        plan_screen,
    ),
    Command(
        "sign",
        "Sign a version that is registered already with the key in SHARDGAN_SIGNING_KEY, or accept its files' hash.",
        SignConfig,
        sign_version,
        {"--model": "model"},
        lambda config: [f"record the sha256 of the files of {config.model}, and sign them where there is a key"],
        positional="model",
    ),
    Command(
        "lineage",
        "Show where a version comes from, and check every hash on the way; reads all its shards.",
        LineageConfig,
        trace_lineage,
        {"--model": "model"},
        lambda config: [f"follow {config.model} back to its data and code"],
        succeeded=lambda outcome: outcome.whole,
        positional="model",
    ),
    Command(
        "up",
        "Run the whole service on this machine: both servers, a worker for CPU work and one for training.",
        ServiceConfig,
        run_service,
        {},
        plan_up,
    ),
    Command(
        "setup",
        "Make pools, deployments and automations on a running server, or bring them up to date.",
        ServiceConfig,
        set_up_service,
        {},
        lambda config: [f"set up the server at {os.environ.get('PREFECT_API_URL', config.prefect_url)}"],
    ),
    Command(
        "doctor",
        "Look at settings, versions, storage, GPU, servers and workers, and say what to mend.",
        DoctorConfig,
        examine,
        {},
        lambda _config: ["look at settings, versions, storage, GPU, servers and workers"],
        succeeded=lambda outcome: outcome.sound,
    ),
    Command(
        "worker",
        "Work for a pool of a running server: `cpu`, or `gpu` for training.",
        WorkerConfig,
        run_worker,
        {},
        lambda config: [f"work for the pool {config.pool}"],
        positional="pool",
    ),
]
