"""The schedules of the service: the settings files of its scheduled flows, and what `shardgan up` would do."""

from pathlib import Path

from flows.cli.settings import Tree, read_file, restrict, validate
from flows.configs import DriftConfig, PipelineConfig
from tasks.service.settings import ServiceConfig, check_exposure


def read_schedules(config: ServiceConfig) -> tuple[Tree | None, Tree | None]:
    """Return the complete configs of pipeline/nightly and drift/watch-source. If one is not scheduled, it is None.

    Raises SettingsError for a config that `shardgan run` or `shardgan drift` refuses.
    """
    nightly = read_scheduled(config.nightly, PipelineConfig) if config.nightly else None
    return nightly, read_scheduled(config.drift, DriftConfig) if config.drift else None


def read_scheduled(path: str, model: type[PipelineConfig]) -> Tree:
    """Read a complete config from the file.

    Workers have other working folders, so the path of a source on this machine becomes absolute.
    """
    tree: Tree = {"overlap": "cancel"} | restrict(read_file(Path(path)), model, DriftConfig)
    source = tree.get("shard", {}).get("source", "")
    if source and "://" not in source:
        tree["shard"]["source"] = str(Path(source).expanduser().absolute())
    return validate(model, tree).model_dump(mode="json")


def plan_up(config: ServiceConfig) -> list[str]:
    """Return what `up` would do. Raises RequestError if other machines could reach servers without a password."""
    check_exposure(config)
    read_schedules(config)
    # Imported late: it imports Prefect, which help and refused requests do not need.
    from tasks.flow_runs.schedules import describe_dates

    def when(cron: str) -> str:
        return f"{cron!r}, {config.timezone}: {describe_dates(cron, config.timezone)}"

    quotas = {"GPU hours": config.gpu_hours_per_day, "of the price's currency": config.price_per_day}
    limits = [f"{limit:g} {name}" for name, limit in quotas.items() if limit]
    return [
        f"serve Prefect at {config.prefect_url}",
        f"serve MLflow at {config.mlflow_url}",
        *([f"serve figures for Prometheus at {config.metrics_url}"] if config.metrics_port else []),
        f"start a worker for the pool cpu and {config.gpu_workers} for the pool gpu",
        "create or update pools, deployments and automations",
        *([f"let trainings use at most {' and '.join(limits)} a day"] if limits else []),
        f"run {config.nightly} at {when(config.nightly_cron)}" if config.nightly else "schedule no nightly run",
        *([f"watch the source of {config.drift} at {when(config.drift_cron)}"] if config.drift else []),
    ]
