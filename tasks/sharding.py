"""The sharding stage: a collection of compressed images becomes a dataset version."""

import logging
from pathlib import Path

from prefect import task
from prefect.artifacts import create_table_artifact

from shards import BuildOutcome, BuildProgress, ShardConfig, build
from tasks.errors import RequestError
from tasks.home import home
from tasks.progress import ProgressReport

logger = logging.getLogger(__name__)

__all__ = ["BuildOutcome", "ShardConfig", "build_shards", "check_source"]


def check_source(config: ShardConfig) -> None:
    """Raise RequestError where the source is not there; cheap, so that it is known before anything starts."""
    if not Path(config.source).expanduser().exists():
        raise RequestError(f"shard.source is {config.source!r}, which does not exist: give a folder with images")


@task(task_run_name="shard-{config.dataset}")
def build_shards(config: ShardConfig) -> BuildOutcome:
    """Make the dataset version that `config` describes, or find it made."""
    with ProgressReport("sharding", f"Sharding {config.dataset}", total=1) as progress:
        outcome = build(config, home().root, report=lambda now: progress.update(now.done, _note(now), now.total))
    if outcome.reused:
        logger.info("%s@%s is there already: nothing new, nothing was read", outcome.dataset, outcome.version)
    create_table_artifact(
        key="dataset-counts",
        description=f"{outcome.dataset}@{outcome.version}: what became of every file",
        table=[{"what": what, "images": count} for what, count in _counts(outcome).items()],
    )
    return outcome


def _note(now: BuildProgress) -> str:
    return f"{now.stage} {now.done:,}/{now.total:,}, {now.quarantined} quarantined, {now.duplicates} duplicates"


def _counts(outcome: BuildOutcome) -> dict[str, int]:
    counts = {"seen": outcome.seen, "kept": outcome.kept, "duplicates": outcome.duplicates}
    return counts | {f"quarantined: {code}": count for code, count in outcome.reasons.items()}
