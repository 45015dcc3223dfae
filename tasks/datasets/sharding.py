"""The sharding stage: turns a collection of compressed images into a dataset version."""

import logging
from pathlib import Path

from prefect import task
from prefect.artifacts import create_table_artifact

from shards import BuildOutcome, BuildProgress, Dataset, ShardConfig, build
from tasks.datasets.compression.advice import advise
from tasks.datasets.compression.collection import count_version
from tasks.datasets.early import EarlyBuild
from tasks.datasets.partitions import run_on_cluster
from tasks.flow_runs.announcements import announce_dataset
from tasks.flow_runs.artifacts import show_picture
from tasks.flow_runs.assets import record_dataset
from tasks.flow_runs.progress import ProgressReport
from tasks.home import home
from tasks.tracking.outages import RETRIES, RETRY_DELAYS, should_retry

logger = logging.getLogger(__name__)

__all__ = ["BuildOutcome", "ShardConfig", "build_shards"]


@task(
    task_run_name="shard-{config.dataset}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=should_retry,
)
def build_shards(config: ShardConfig, on_cluster: bool = False) -> BuildOutcome:
    """Build the dataset version that `config` describes, unless it exists. Uses the flow's cluster if there is one."""
    run_partitions = run_on_cluster if on_cluster else None
    with ProgressReport("sharding", f"Sharding {config.dataset}", total=1) as progress:

        def show(now: BuildProgress) -> None:
            progress.update(now.done, _note(now), now.total)

        if not on_cluster and (early := EarlyBuild.take(config)):
            progress.pace.started = early.started
            outcome = early.follow(show)
        else:
            outcome = build(config, home().shared, report=show, run_partitions=run_partitions)
        progress.conclude(describe_build(outcome), str(Path(outcome.manifest).parent))
    if outcome.reused:
        logger.info("%s@%s already exists: the source has not changed", outcome.dataset, outcome.version)
    else:
        for finding in outcome.checks:
            logger.warning("check of %s@%s: %s", outcome.dataset, outcome.version, finding)
        announce_dataset(outcome)
        record_dataset(outcome.dataset, outcome.version, outcome.model_dump(exclude={"dataset", "reused"}))
    create_table_artifact(
        key="dataset-counts",
        description=f"{outcome.dataset}@{outcome.version}: the result for every file",
        table=[{"what": what, "images": count} for what, count in _counts(outcome).items()],
    )
    sheet = Path(outcome.manifest).with_name("contact_sheet.png")
    if sheet.exists():
        what = f"{outcome.dataset}@{outcome.version}: some of the kept and of the refused images"
        show_picture(sheet, "contact-sheet", what)
    return outcome.model_copy(update={"remarks": advise_on(outcome)})


def advise_on(outcome: BuildOutcome) -> list[tuple[str, str]]:
    """Say how the files of a version were compressed, and what to do, in the words of `shardgan doctor --source`."""
    dataset = Dataset.open(outcome.manifest)
    if dataset.manifest.generated_by:
        return []
    try:
        found = count_version(dataset)
    except (OSError, ValueError) as error:  # the table is gone, or of an early release
        logger.warning("the compression of %s is not known: %s", dataset.name, error)
        return []
    manifest = dataset.manifest
    return advise(found, manifest.size, str(manifest.settings.get("shape"))).summary()


def describe_build(outcome: BuildOutcome) -> str:
    """Return in a few words what a build came to."""
    version = f"{outcome.dataset}@{outcome.version}"
    if outcome.reused:
        return f"Found {version}, the source has not changed,"
    return f"Sharded {version}, {outcome.kept:,} images of {outcome.seen:,} files,"


def _note(now: BuildProgress) -> str:
    if not now.total:
        return now.stage
    told = [f"{now.stage} {now.done:,}/{now.total:,}"]
    if now.seconds:
        told.append(f"{now.done / now.seconds:.0f} images/s, {now.bytes / now.seconds / 2**20:.1f} MiB/s")
    refused = {"duplicates": now.duplicates, "quarantined": now.quarantined}
    return ", ".join(told + [f"{count:,} {name}" for name, count in refused.items() if count])


def _counts(outcome: BuildOutcome) -> dict[str, int]:
    counts = {"seen": outcome.seen, "kept": outcome.kept, "duplicates": outcome.duplicates}
    counts |= {f"quarantined: {code}": count for code, count in outcome.reasons.items()}
    return counts | ({"marked as generated": outcome.marked_generated} if outcome.marked_generated else {})
