"""An estimate of what a build costs: a sample of the source's files goes through a real build in another folder.

Imports neither torch nor Prefect.
"""

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from shards import BuildProgress, Dataset, ShardConfig, build, list_entries
from shards.sources.entries import Entry, Notes
from tasks.datasets.requests import names_model
from tasks.home import home
from tasks.tracking.inventory.files import folder_bytes
from tasks.trainer.costs.trials import Budget, Deadline, MemoryWatch, StageCost

FEW, SOME, MANY = 8, 32, 256  # files of the three trials; the first one also imports what a build needs
LISTING_SECONDS = 1.5
TRIAL_SECONDS = 5.0
# A build's processes import beside the command and without garbage collection, so their imports take less time than
# those of the first trial (benchmarks/results/estimates.md).
IMPORTS_OF_A_BUILD = 0.65
GROWTH = 2.5  # how much longer a trial may take than the one before it
STAGE = "build"


class Listing(NamedTuple):
    """The number of files of a source, and some of them: a random sample in random order.

    `is_complete` is False if listing took too long. The source then has more files.
    """

    sample: Sequence[Entry]
    num_files: int
    is_complete: bool
    seconds: float
    is_generated: bool


class Trial(NamedTuple):
    """A real build of some files. `rate` is the number of files per second while it decoded, 0 if it was too short.

    `disk_bytes` leaves out the contact sheet, which has `sheet_bytes` and does not grow with the source.
    """

    num_files: int
    seconds: float
    rate: float
    disk_bytes: int
    sheet_bytes: int
    memory_bytes: int
    dataset: Dataset


class BuildEstimate(NamedTuple):
    """The cost of a build, its sample as a dataset version, and the number of images that the version will have."""

    cost: StageCost
    sample: Dataset
    num_images: int

    def num_samples(self, split: str) -> int:
        """Return about how many images the split will have."""
        mine = self.sample.num_samples(split)
        everything = sum(self.sample.manifest.num_samples_by_split.values())
        return round(self.num_images * mine / max(everything, 1))


def estimate_build(config: ShardConfig, folder: Path, budget: Budget, scheduler: str = "") -> BuildEstimate:
    """Build samples of the source below `folder`, and conclude from their sizes what the whole build costs.

    If a Dask cluster does the sharding (`scheduler`), there is no estimate of its time and memory. Raises SourceError
    if the sample has nothing to train on, and other errors of a build.
    """
    listing = list_some(config, budget.within(LISTING_SECONDS))
    changes = {"screen": "" if names_model(config.screen) else config.screen}
    changes |= {"labels": "auto"} if config.labels == "strict" else {}  # a sample may lack classes
    changes |= {"marked": "keep"} if listing.is_generated else {}
    trials = _try_builds(config.model_copy(update=changes), listing, folder, budget.within(TRIAL_SECONDS))
    cost = _conclude(config, listing, trials)
    if scheduler:
        unknown = {"seconds": None, "memory_bytes": None, "basis": f"no time, because {scheduler} does the work"}
        cost = cost.model_copy(update=unknown)
    return BuildEstimate(cost, trials[-1].dataset, _num_images(listing, trials[-1]))


def list_some(config: ShardConfig, deadline: Deadline) -> Listing:
    """Count the files of the source, and choose some at random. Stops at the deadline."""
    began, notes, chosen, number = time.monotonic(), Notes(), list[Entry](), 0
    numbers = random.Random(0)
    for entry in list_entries(config, notes):
        number += 1
        # Reservoir sampling (Vitter 1985, algorithm R): each file is chosen with the same probability.
        if len(chosen) < MANY:
            chosen.append(entry)
        elif (place := numbers.randrange(number)) < MANY:
            chosen[place] = entry
        if number % 1000 == 0 and not deadline.left:
            break
    else:
        numbers.shuffle(chosen)
        return Listing(chosen, number, True, time.monotonic() - began, notes.synthetic is not None)
    numbers.shuffle(chosen)
    return Listing(chosen, number, False, time.monotonic() - began, notes.synthetic is not None)


def _try_builds(config: ShardConfig, listing: Listing, folder: Path, deadline: Deadline) -> list[Trial]:
    trials = [_try(config, listing.sample[:FEW], folder / "few")]
    for files, name in ((SOME, "some"), (MANY, "many")):
        known = trials[-1]
        # Most of the time of the first trial are imports, and most of the second one's is starting the decoders.
        needed = known.seconds * GROWTH if files == MANY else 0.0
        if known.num_files == len(listing.sample) or needed > deadline.left:
            break
        trials.append(_try(config, listing.sample[:files], folder / name))
    return trials


def _try(config: ShardConfig, entries: Sequence[Entry], root: Path) -> Trial:
    told: list[tuple[int, float]] = []

    def report(now: BuildProgress) -> None:
        if now.stage == "decoding" and now.done:
            told.append((now.done, now.seconds))

    began = time.monotonic()
    with MemoryWatch() as memory:
        outcome = build(config, root, report=report, entries=entries)
    seconds = time.monotonic() - began
    (first, start), (last, end) = (told[0], told[-1]) if told else ((0, 0.0), (0, 0.0))
    rate = (last - first) / (end - start) if end > start else 0.0
    sheet = Path(outcome.manifest).with_name("contact_sheet.png")
    sheet_bytes = sheet.stat().st_size if sheet.exists() else 0
    disk_bytes = folder_bytes(root) - sheet_bytes
    dataset = Dataset.open(outcome.manifest)
    return Trial(len(entries), seconds, rate, disk_bytes, sheet_bytes, memory.peak_bytes, dataset)


def _conclude(config: ShardConfig, listing: Listing, trials: Sequence[Trial]) -> StageCost:
    """Time and disk space are linear in the number of files: their slope is that between the last two trials."""
    last = trials[-1]
    per_file, disk_per_file = last.seconds / last.num_files, last.disk_bytes / last.num_files
    if len(trials) > 1:
        before = trials[-2]
        more = last.num_files - before.num_files
        disk_per_file = (last.disk_bytes - before.disk_bytes) / more
        # The first trial also imported modules, so its time cannot be compared with that of the second one.
        if len(trials) > 2:
            per_file = max(last.seconds - before.seconds, 0) / more
        elif last.rate:
            per_file = 1 / last.rate
    left = listing.num_files - last.num_files
    imports = max(trials[0].seconds - last.seconds + per_file * (last.num_files - trials[0].num_files), 0.0)
    seconds = listing.seconds + IMPORTS_OF_A_BUILD * imports + last.seconds + per_file * left
    return StageCost(
        stage=STAGE,
        seconds=None if not listing.is_complete else seconds,
        disk_bytes=None
        if not listing.is_complete
        else round(last.disk_bytes + last.sheet_bytes + disk_per_file * left),
        memory_bytes=last.memory_bytes,
        basis=_describe(config, listing, last, per_file),
    )


def _describe(config: ShardConfig, listing: Listing, last: Trial, per_file: float) -> str:
    if not listing.is_complete:
        return f"the source has more than {listing.num_files:,} files; listing them all takes longer than a dry run may"
    said = f"{listing.num_files:,} files at {1 / max(per_file, 1e-6):,.0f} per second"
    if last.num_files < listing.num_files:
        said += f", measured on {last.num_files}"
    if names_model(config.screen):
        said += "; without the time of the screening"
    if any((home().root / "datasets" / config.dataset).glob(".builds/*/ledger.sqlite")):
        said += "; files that a build of this source has read before are not read again"
    return said


def _num_images(listing: Listing, last: Trial) -> int:
    kept = sum(last.dataset.manifest.num_samples_by_split.values())
    return round(listing.num_files * kept / last.num_files)
