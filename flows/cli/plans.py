"""What each command would do, in sentences, and the checks that need no server: nothing is started or written.

A plan raises one of `tasks.errors.BAD_REQUESTS` for a request that cannot be done as asked. What it needs is imported
when it is made, so that help and refused settings do not wait for torch.
"""

import os
from typing import TYPE_CHECKING

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
from tasks.datasets.config import GenerateConfig, ScreenConfig, ShardConfig
from tasks.evaluation.dossier.config import DossierConfig, PullConfig, PushConfig, check_extra, is_folder
from tasks.evaluation.export.config import ExportConfig
from tasks.home import home
from tasks.registry.config import LineageConfig, SignConfig
from tasks.service.monitoring.config import MetricsConfig
from tasks.service.settings import ServiceConfig, WorkerConfig, check_exposure

if TYPE_CHECKING:
    from tasks.trainer.run_directory import RunConfig

Plan = list[str]


def plan_build(config: BuildDatasetConfig) -> Plan:
    """Check the source, and the model whose shield screens it."""
    from tasks.datasets.requests import check_source, names_model

    check_source(config.shard)
    shard = config.shard
    if names_model(shard.screen):
        _check_model(shard.screen)
    folder = f"{home().shared}/datasets/{shard.dataset}"
    screened = f", only images that pass {shard.screen}" if shard.screen else ""
    return [f"shard {shard.source} at {shard.size} pixels as {shard.encoding} into {folder}{screened}"]


def check_train(config: TrainGanConfig) -> Plan:
    """Make the checks of `plan_train` without the sentences that need torch."""
    return plan_train(config, described=False)


def plan_train(config: TrainGanConfig, described: bool = True) -> Plan:
    """Check that the dataset exists and that it fits the networks."""
    from tasks.datasets.requests import check_dataset

    check_dataset(config.dataset)  # at once: the other checks import Prefect
    from tasks.training.stage import plan_run

    run = plan_run(config.dataset, config.train, config.data, config.launch)
    from tasks.training.sizes import check_frozen_net, describe_sizes

    check_frozen_net(run)
    if not described:
        return []

    return [
        *([f"take the family {run.auto.why}"] if run.auto else []),
        *describe_sizes(run),
        f"train on {run.dataset}@{run.dataset_version} for {config.train.nimg:,} images in {home().runs / run.run}",
        *_describe_nodes(run),
        f"register it as {config.model or run.dataset}@challenger in {home().shown_tracking_uri}",
    ]


def _describe_nodes(run: "RunConfig") -> Plan:
    """What starts the other nodes: a command, a script or a manifest, as it would be submitted."""
    from tasks.training.process.launchers.launcher import choose_launcher

    launcher = choose_launcher(home().runs / run.run, run)
    if launcher is None:
        return []
    others = run.train.compute.nodes - 1
    return [f"start {others} other node(s) by {run.launch.launcher}:\n\n{launcher.show()}"]


def plan_evaluate(config: EvaluateGanConfig) -> Plan:
    """Check that the model exists."""
    _check_model(config.model)
    return _describe_evaluation(config.model, config)


def check_pipeline(config: PipelineConfig) -> Plan:
    """Make the checks of `plan_pipeline` without the sentences that need torch."""
    return plan_pipeline(config, described=False)


def plan_pipeline(config: PipelineConfig, described: bool = True) -> Plan:
    """Check the source."""
    model = config.model or config.shard.dataset
    return [
        *plan_build(BuildDatasetConfig(shard=config.shard)),
        f"train {_describe_family(config)} on it for {config.train.nimg:,} images under {home().runs}",
        *(_describe_memory(config) if described else []),
        f"register it as {model}@challenger in {home().shown_tracking_uri}",
        *_describe_evaluation(model, config),
    ]


def _describe_memory(config: PipelineConfig) -> Plan:
    from tasks.training.sizes import describe_request

    return describe_request(config.shard, config.train)


def _describe_family(config: PipelineConfig) -> str:
    """The family, or how it will be chosen when the number of images is known."""
    if config.train.family != "auto":
        return config.train.family
    from tasks.training.family import describe_rule

    return f"the family that the number of images decides ({describe_rule()})"


def _describe_evaluation(model: str, config: EvaluateGanConfig | PipelineConfig) -> Plan:
    evaluate, rule = config.evaluate, config.promote
    nets = " and ".join(net for net in (evaluate.feature_net, evaluate.second) if net)
    asked = ", and a person approves it" if rule.approval == "ask" else ""
    return [
        f"score {model} with {evaluate.num_images:,} generated images and {nets}",
        f"make it champion if its {rule.score} is better than the champion's under the same protocol{asked}",
    ]


def plan_drift(config: DriftConfig) -> Plan:
    """Check the source, and that there is a champion to compare with."""
    from tasks.datasets.requests import check_source

    check_source(config.shard)
    model = config.model or config.shard.dataset
    _check_model(f"models:/{model}@champion")
    then = "run the pipeline on it" if config.drift.start == "on" else "say so"
    return [
        f"compare {config.drift.sample:,} new files of {config.shard.source} with the dataset of {model}@champion",
        f"if they are worth a training, {then}",
    ]


def plan_study(config: CompressionStudyConfig) -> Plan:
    """Check the source, and estimate the cost of the study."""
    from tasks.datasets.requests import check_source

    check_source(config.shard)  # at once: the other checks import torch
    from tasks.study.budgets.costs import describe_budget_costs
    from tasks.study.costs import describe_costs
    from tasks.study.variants import study_name

    describe = describe_budget_costs if config.study.bytes else describe_costs
    return [
        *describe(config.shard, config.study, config.train, config.evaluate),
        f"keep the versions as {study_name(config.shard.dataset)} under {home().shared}, the report under "
        f"{home().reports}",
    ]


def plan_screen(config: ScreenConfig) -> Plan:
    """Check that the source and the model exist."""
    from tasks.datasets.requests import check_file, check_source

    check_source(ShardConfig(source=config.source, dataset="incoming"))
    check_file("allow", config.allow, "give a text file with one sha256 per line")
    _check_model(config.model)
    return [
        f"judge {config.source} by the shield of {config.model}; verdicts and suspects go to {home().root}/screened"
    ]


def plan_generate(config: GenerateConfig) -> Plan:
    """Check that the model exists."""
    _check_model(config.model)
    root = config.out or home().shared
    return [
        f"generate {config.num_images:,} images with {config.model}, seed {config.seed}",
        f"shard them as {config.dataset} under {root}/datasets",
    ]


def plan_export(config: ExportConfig) -> Plan:
    """Check the model, its classes and the folder."""
    from tasks.evaluation.export.request import plan_export

    version, folder = plan_export(config)
    pictures = [*(["a grid"] if config.grid else []), *(["an animation"] if config.frames else [])]
    of = f" of {config.classes}" if config.classes else ""
    return [
        f"make {config.num_images:,} images{of} with {version.title}, seed {config.seed}",
        f"write them{''.join(f' and {one}' for one in pictures)} to {folder}",
    ]


def plan_promote(config: PromoteModelConfig) -> Plan:
    """Check that the model exists."""
    _check_model(config.model)
    return [f"make {config.model} the champion: {config.why}"]


def plan_approve(config: ApproveModelConfig) -> Plan:
    """Check that the model exists."""
    return [f"verify the files of {config.model} and make it the champion ({_describe_question(config.model)})"]


def plan_decline(config: DeclineModelConfig) -> Plan:
    """Check that the model exists."""
    return [f"leave the champion as it is, and keep {config.model} from it ({_describe_question(config.model)})"]


def _describe_question(model: str) -> str:
    _check_model(model)
    from tasks.registry.decisions.approval import describe_question

    return describe_question(model).why


def plan_rollback(config: RollbackModelConfig) -> Plan:
    """Check that the model has a champion."""
    _check_model(f"models:/{config.model.removeprefix('models:/')}@champion")
    return [f"make the previous champion of {config.model} the champion again"]


def plan_sign(config: SignConfig) -> Plan:
    """Check that the model exists."""
    _check_model(config.model)
    return [f"record the sha256 of the files of {config.model}, and sign them if there is a key"]


def plan_lineage(config: LineageConfig) -> Plan:
    """Check that the model exists."""
    _check_model(config.model)
    return [f"follow {config.model} back to its data and code"]


def plan_dossier(config: DossierConfig) -> Plan:
    """Check that the libraries are installed, and that the model exists."""
    check_extra()
    _check_model(config.model)
    folder = config.out or f"{home().reports}/NAME-VERSION-dossier"
    read = "all shards of its dataset" if config.shards else "no shard"
    attached = ["attach it to the version's run"] if config.attach else []
    return [f"check every hash of {config.model}, reading {read}", f"write its dossier to {folder}", *attached]


def plan_push(config: PushConfig) -> Plan:
    """Check that the libraries are installed, and that the model exists."""
    check_extra()
    _check_model(config.model)
    where = f"the folder {config.repo}" if is_folder(config.repo) else f"{config.repo} on the Hugging Face Hub"
    return [f"verify the files of {config.model}, and write its dossier", f"copy both to {where}"]


def plan_pull(config: PullConfig) -> Plan:
    """Check that the library for the Hub is installed."""
    if not is_folder(config.repo):
        check_extra("huggingface_hub")
    name = config.model or "the name that its dossier gives"
    return [f"fetch {config.repo}, and verify every hash", f"register it as {name}; nothing of it is run"]


def plan_up(config: ServiceConfig) -> Plan:
    """Check the addresses, the password and the configs of the schedules."""
    from flows.cli.schedules import plan_up

    return plan_up(config)


def plan_setup(config: ServiceConfig) -> Plan:
    """Check the configs of the schedules."""
    from flows.cli.schedules import read_schedules

    read_schedules(config)
    return [f"set up the server at {os.environ.get('PREFECT_API_URL', config.prefect_url)}"]


def plan_doctor(config: DoctorConfig) -> Plan:
    """Check the source, if there is one."""
    if config.source:
        from tasks.datasets.requests import check_source

        check_source(config.as_shard())
        return [f"read the headers of {config.sample:,} files of {config.source} at most"]
    return ["check settings, versions, storage, GPU, servers and workers"]


def plan_metrics(config: MetricsConfig) -> Plan:
    """Check the address and the password."""
    check_exposure(config.as_service)
    return [f"serve figures for Prometheus at {config.url}"]


def plan_worker(config: WorkerConfig) -> Plan:
    """No check is needed: the settings check the name of the pool."""
    return [f"run a worker for the pool {config.pool}"]


def _check_model(model: str) -> None:
    """Raise RegistryError if the registry does not have this version. Without a server, this does not import MLflow."""
    if home().serves_itself:
        from tasks.tracking.inventory.models import check_version

        check_version(home(), model)
    else:
        from tasks.registry.overview import check_model

        check_model(model)
