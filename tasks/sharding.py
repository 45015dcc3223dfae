"""The sharding stage: a collection of compressed images becomes a dataset version."""

import base64
import io
import logging
from pathlib import Path

from PIL import Image
from prefect import task
from prefect.artifacts import create_image_artifact, create_table_artifact

from shards import BuildOutcome, BuildProgress, ShardConfig, build
from tasks.announcements import announce_dataset
from tasks.errors import RequestError
from tasks.home import home
from tasks.outages import RETRIES, RETRY_DELAYS, should_retry
from tasks.partitions import run_on_cluster
from tasks.progress import ProgressReport

logger = logging.getLogger(__name__)

__all__ = ["BuildOutcome", "ShardConfig", "build_shards", "check_source"]

SHEET_WIDTH = 1204  # the contact sheet's own


def check_source(config: ShardConfig) -> None:
    """Raise RequestError where a local source is not there; cheap, so that it is known before anything starts."""
    if "://" in config.source or set("*?[") & set(config.source):
        return
    if not Path(config.source).expanduser().exists():
        raise RequestError(f"shard.source is {config.source!r}, which does not exist: give a folder with images")


@task(
    task_run_name="shard-{config.dataset}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=should_retry,
)
def build_shards(config: ShardConfig, on_cluster: bool = False) -> BuildOutcome:
    """Make the dataset version that `config` describes, or find it made; on the flow's cluster, if it has one."""
    run_partitions = run_on_cluster if on_cluster else None
    with ProgressReport("sharding", f"Sharding {config.dataset}", total=1) as progress:
        outcome = build(
            config,
            home().shared,
            report=lambda now: progress.update(now.done, _note(now), now.total),
            run_partitions=run_partitions,
        )
    if outcome.reused:
        logger.info("%s@%s is there already: nothing new, nothing was read", outcome.dataset, outcome.version)
    else:
        announce_dataset(outcome)
    create_table_artifact(
        key="dataset-counts",
        description=f"{outcome.dataset}@{outcome.version}: what became of every file",
        table=[{"what": what, "images": count} for what, count in _counts(outcome).items()],
    )
    _show_contact_sheet(outcome)
    return outcome


def _show_contact_sheet(outcome: BuildOutcome) -> None:
    path = Path(outcome.manifest).with_name("contact_sheet.png")
    if path.exists():
        create_image_artifact(
            image_url=as_data_uri(path),
            key="contact-sheet",
            description=f"{outcome.dataset}@{outcome.version}: some of the images kept, and what was refused",
        )


def as_data_uri(path: Path) -> str:
    """The picture at `path` as a small JPEG inside a URL: any browser shows it, wherever the file lies."""
    with Image.open(path, formats=["PNG"]) as image:
        small = image.convert("RGB")
    small.thumbnail((SHEET_WIDTH, 4 * SHEET_WIDTH))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _note(now: BuildProgress) -> str:
    speed = f"{now.done / now.seconds:.0f} images/s, {now.bytes / now.seconds / 2**20:.1f} MiB/s" if now.seconds else ""
    counts = f"{now.kept:,} kept, {now.duplicates:,} duplicates, {now.quarantined:,} quarantined"
    return f"{now.stage} {now.done:,}/{now.total:,}, {speed}, {counts}"


def _counts(outcome: BuildOutcome) -> dict[str, int]:
    counts = {"seen": outcome.seen, "kept": outcome.kept, "duplicates": outcome.duplicates}
    return counts | {f"quarantined: {code}": count for code, count in outcome.reasons.items()}
