"""Turn a collection of compressed images into a dataset version."""

from typing import Annotated, Any

from prefect import flow

from flows.configs import BuildDatasetConfig
from flows.forms import Form
from tasks.datasets.requests import names_model
from tasks.datasets.sharding import BuildOutcome, ShardConfig, build_shards
from tasks.flow_runs.run_names import name_run
from tasks.flow_runs.summary import show_outcome
from tasks.tracking.telemetry.lineage import pieces, stage


@flow(name="build-dataset", flow_run_name=name_run("{config.shard.dataset}", "build", "{config.shard.size}"))
def build_dataset(config: Annotated[BuildDatasetConfig, Form()]) -> BuildOutcome:
    """Shard a collection of images. A second run over unchanged input only reports that nothing changed."""
    with stage("build-dataset", config.shard.dataset, reads=[pieces.source(config.shard.source)]) as lineage:
        built = build_version(config)
        lineage.made(pieces.dataset(built.manifest))
    show_outcome(f"{built.dataset}@{built.version}: {built.kept:,} images", built)
    return built


def build_version(config: BuildDatasetConfig) -> BuildOutcome:
    """Screen the source, if that is asked for, and shard it here or on a cluster."""
    shard = config.shard
    if names_model(shard.screen):
        from tasks.datasets.screening import screen_source  # it imports torch and MLflow

        shard = screen_source(shard, config.screening)
    cluster = config.dask_scheduler
    return build_on_cluster(shard, cluster) if cluster else build_shards(shard)


def build_on_cluster(config: ShardConfig, scheduler: str) -> BuildOutcome:
    """Shard on a Dask cluster. The shards have the same bytes as from one machine."""
    from prefect_dask.task_runners import DaskTaskRunner  # an optional extra that takes a second to import

    # The futures of prefect-dask's runner have a class of their own, which the type of `with_options` does not allow.
    runner: Any = DaskTaskRunner(address=scheduler)
    return build_partitions.with_options(task_runner=runner)(config)


@flow(name="build-partitions", flow_run_name=name_run("{config.dataset}", "partitions"))
def build_partitions(config: ShardConfig) -> BuildOutcome:
    """Shard with one task for each partition of the listing."""
    return build_shards(config, on_cluster=True)
