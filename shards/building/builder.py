"""The build: makes a dataset version from a source. It can be resumed at any point and skips unchanged input."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path

from pydantic import Field

from shards.building.assembly import Assembly, libraries
from shards.building.changes import find_latest
from shards.building.classes import resolve_filled_classes, resolve_listed_classes
from shards.building.ledger import Ledger
from shards.building.progress import BuildProgress, Meter, Report
from shards.building.screening import read_verdicts
from shards.config import ShardConfig
from shards.decoding.fanout import run_locally
from shards.decoding.partition import PartitionSpec, read_part
from shards.errors import BuildError, SourceError
from shards.layout.manifest import LATEST, MANIFEST, NOT_AN_IMAGE, Counts, Manifest, Synthetic, load_manifest
from shards.layout.publishing import bucket_errors, collect_parts, local_home, remove_parts, upload
from shards.sources.entries import Entry, Notes
from shards.sources.folders import is_glob
from shards.sources.source import list_entries
from shards.storage.files import locked, storage_errors, sync_folder, write_atomically
from shards.storage.uris import fetch, is_remote, local_path, store

__all__ = ["BuildOutcome", "BuildProgress", "build"]

RunPartitions = Callable[[Iterator[PartitionSpec]], Iterable[str]]
_PARTITION_FILES = (32, 4096)
_PARTITIONS_PER_WORKER = 8


class BuildOutcome(Counts):
    """The result of a build: what became of every file, and where the manifest lies.

    `notes` are sentences for a person, for example about classes that were left out, `checks` about changes since the
    version before that may be mistakes. `remarks` are (name, value) pairs that the caller of the build has added.
    """

    dataset: str
    version: str
    manifest: str
    reused: bool
    notes: list[str]
    marked_generated: int = 0
    checks: list[str] = Field(default_factory=list)
    remarks: list[tuple[str, str]] = Field(default_factory=list)

    @classmethod
    def of(cls, manifest: Manifest, uri: str, *, reused: bool) -> "BuildOutcome":
        """Return the outcome of a build that made or found the version with its manifest at `uri`."""
        return cls(
            dataset=manifest.dataset,
            version=manifest.version,
            manifest=uri,
            reused=reused,
            notes=manifest.notes,
            marked_generated=manifest.marked_generated,
            checks=manifest.checks,
            **manifest.counts.model_dump(),
        )

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        others = [f"{self.not_images:,} are not images"] if self.not_images else []
        broken = [f"{count:,} {code.replace('_', ' ')}" for code, count in self.reasons.items() if code != NOT_AN_IMAGE]
        reasons = ", ".join(others + broken)
        quarantined = f"{self.quarantined:,} quarantined" + (f" ({reasons})" if reasons else "")
        there = " (already there: nothing was read)" if self.reused else ""
        marked = [("marked", f"{self.marked_generated:,} files say that they were generated")]
        return [
            ("dataset", f"{self.dataset}@{self.version}{there}"),
            (
                "images",
                f"{self.seen:,} files seen: {self.kept:,} kept, {self.duplicates:,} duplicates, {quarantined}",
            ),
            *(marked if self.marked_generated else []),
            *(("note", note) for note in self.notes),
            *(("check", finding) for finding in self.checks),
            *self.remarks,
            ("shards", self.manifest.rpartition("/")[0]),
        ]


def build(
    config: ShardConfig,
    root: str | os.PathLike[str],
    *,
    report: Report | None = None,
    run_partitions: RunPartitions | None = None,
    synthetic: Synthetic | None = None,
    entries: Iterable[Entry] | None = None,
) -> BuildOutcome:
    """Build a dataset version under `root`, or recognise that it exists already; `report` is called with the progress.

    `run_partitions` may send the partitions to other machines that see the same `root`. It gets their specs, calls
    `process_partition` on each, and returns the part files in any order. `synthetic` marks images that a model made;
    the manifest then names the model as its source. With `entries`, only these files of the source are built: a trial.

    Raises SourceError for a source without anything to train on; only what an earlier, killed run had decoded is then
    left on the disk. Raises BuildError for a build that a second run can finish.
    """
    local_home(os.fspath(root))  # refuses a store that we cannot write to, before the source is listed
    notes = Notes()
    listed = list_entries(config, notes) if entries is None else iter(entries)
    first = next(listed, None)
    if first is None:
        raise SourceError(f"the source {config.source!r} is empty. Give the folder that contains the images.")
    work = _Build(config, os.fspath(root), Meter(report), run_partitions, synthetic, notes.synthetic)
    return work.run(chain([first], listed), notes)


class _Build:
    def __init__(
        self,
        config: ShardConfig,
        root: str,
        meter: Meter,
        run_partitions: RunPartitions | None,
        synthetic: Synthetic | None,
        source_synthetic: Synthetic | None,
    ) -> None:
        self._config, self._root, self._meter = config, root, meter
        self._synthetic, self._source_synthetic = synthetic, source_synthetic
        recipe = config.recipe()
        # Versions that a model made are known as such, so their images need not be looked for.
        self._recipe = replace(recipe, marked="keep") if synthetic or source_synthetic else recipe
        self._run_partitions = run_partitions or self._run_locally
        self._elsewhere = run_partitions is not None
        self._dataset = local_home(root) / "datasets" / config.dataset
        self._work = self._dataset / ".builds" / _build_id(config)
        self._parts = self._work / "parts"
        self._remote = f"{root.rstrip('/')}/datasets/{config.dataset}" if is_remote(root) else None
        # Only other machines need the parts in the bucket. Children on this machine write them where they are read.
        self._far_parts = f"{self._remote}/.builds/{self._work.name}/parts" if self._remote and run_partitions else None

    def run(self, entries: Iterator[Entry], notes: Notes) -> BuildOutcome:
        with storage_errors(f"write under {self._dataset}"), locked(self._work.with_suffix(".lock")):
            self._parts.mkdir(parents=True, exist_ok=True)
            goes_on = any(self._parts.iterdir())
            self._ledger = Ledger(self._work / "ledger.sqlite")
            try:
                return self._run(entries, notes)
            except SourceError:
                shutil.rmtree(self._work / "staging", ignore_errors=True)
                if self._ledger.last()[0] is None and not goes_on:
                    self._remove_work()
                raise
            finally:
                self._ledger.close()

    def _run(self, entries: Iterator[Entry], notes: Notes) -> BuildOutcome:
        self._meter.begin("listing", 0)
        self._ledger.replace_listing(entries)
        found = resolve_listed_classes(self._ledger, notes)
        self._stop_if_strict(found)
        verdicts = read_verdicts(self._config.screen)
        digest = self._ledger.listing_digest() + verdicts.digest + "".join(found)
        version, known_digest = self._ledger.last()
        if version and not (self._dataset / version / MANIFEST).is_file():
            self._ledger.forget_contents()
            version = None
        if version and digest == known_digest:
            if any(self._parts.iterdir()):
                self._ledger.forget_parts()
            manifest = load_manifest(self._dataset / version / MANIFEST)
            self._stop_if_strict(manifest.notes)
            return self._publish(manifest, reused=True)
        self._decode()
        self._ledger.refuse_suspects(verdicts.suspects)
        if self._config.marked == "class":
            self._ledger.label_marked()
        manifest = self._assemble(version, found)
        self._ledger.finish(manifest.version, digest)
        return self._publish(manifest, reused=False)

    def _stop_if_strict(self, notes: list[str]) -> None:
        if notes and self._config.labels == "strict":
            raise SourceError(f"{' '.join(notes)} labels=strict stops here; labels=auto goes on with a note.")

    def _decode(self) -> None:
        if self._far_parts:
            collect_parts(self._far_parts, self._parts)
        self._ledger.begin_arrivals()
        for path in sorted(self._parts.glob("*.part")):  # left by a run that was killed
            self._ledger.add_part(path.name, read_part(path))
        self._ledger.forget_passing_refusals()
        if self._ledger.labels():
            self._ledger.refuse_unlabelled()
        count, fresh = self._ledger.fresh()
        self._meter.begin("decoding", count)
        for made in self._run_partitions(self._partitions(count, fresh)):
            self._take(made)
        self._meter.tell(now=True)

    def _take(self, made: str) -> None:
        path = self._parts / made.rpartition("/")[2]
        if self._far_parts:
            with bucket_errors(made):
                fetch(made, path)
        self._ledger.add_part(path.name, read_part(path))
        if self._elsewhere:
            for row in read_part(path):
                self._meter.count(row)
            self._meter.tell()
        if not self._source_is_there():
            raise BuildError(
                f"the source {self._config.source!r} has disappeared. Run the same command again when it is back: "
                f"files that could not be read are then read."
            )

    def _source_is_there(self) -> bool:
        source = self._config.source
        return is_remote(source) or is_glob(source) or local_path(source).exists()

    def _partitions(self, count: int, fresh: Iterator[Entry]) -> Iterator[PartitionSpec]:
        least, most = _PARTITION_FILES
        share = count // (_PARTITIONS_PER_WORKER * self._config.num_workers())
        size = min(max(share, least), most)
        while entries := tuple(islice(fresh, size)):
            yield PartitionSpec(
                entries=entries,
                recipe=self._recipe,
                folder=self._far_parts or str(self._parts),
                time_limit_seconds=self._config.time_limit_seconds,
                memory_bytes=self._config.memory_limit_mb * 2**20,
            )

    def _run_locally(self, specs: Iterator[PartitionSpec]) -> Iterator[str]:
        return run_locally(specs, self._config.num_workers(), self._meter.count, self._meter.tell)

    def _assemble(self, grew_from: str | None, notes: list[str]) -> Manifest:
        staging = self._work / "staging"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        self._meter.begin("writing", self._ledger.num_listed())
        self._ledger.find_duplicates(self._config.duplicates, self._config.near_distance)
        classes = resolve_filled_classes(self._ledger, notes)
        self._stop_if_strict(classes.notes)
        last = self._dataset / (grew_from or "none")
        made_by = (self._synthetic, self._source_synthetic)
        latest = find_latest(self._root, self._config.dataset) if self._config.checks != "off" else None
        assembly = Assembly(self._config, self._ledger, last, staging, self._parts, *made_by, latest)
        manifest = assembly.write(classes, grew_from, self._meter.step)
        final = self._dataset / manifest.version
        if (final / MANIFEST).is_file():
            _renew(final, staging)
        else:
            shutil.rmtree(final, ignore_errors=True)
            staging.rename(final)
        sync_folder(self._dataset)
        return manifest

    def _publish(self, manifest: Manifest, *, reused: bool) -> BuildOutcome:
        latest = self._dataset / LATEST
        write_atomically(latest, f"{manifest.version}\n".encode())
        if self._remote:
            upload(self._dataset / manifest.version, f"{self._remote}/{manifest.version}")
            with bucket_errors(self._remote):
                store(latest, f"{self._remote}/{LATEST}")
        if self._far_parts:
            remove_parts(self._far_parts)
        shutil.rmtree(self._parts)
        counts = manifest.counts
        self._meter.replace_counts(counts.kept, counts.duplicates, counts.quarantined)
        uri = f"{self._remote or self._dataset}/{manifest.version}/{MANIFEST}"
        return BuildOutcome.of(manifest, uri, reused=reused)

    def _remove_work(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.with_suffix(".lock").unlink(missing_ok=True)
        for folder in (self._work.parent, self._dataset, self._dataset.parent):
            try:
                folder.rmdir()
            except OSError:  # it contains something else
                return


def _build_id(config: ShardConfig) -> str:
    """Name the build's folder. Samples made from another source, recipe or Pillow version must never be mixed in."""
    parts = (str(Path(config.source).absolute()), config.content_settings(), libraries())
    return sha256(repr(parts).encode()).hexdigest()[:16]


def _renew(final: Path, staging: Path) -> None:
    """Update an existing version: its shards are the same, but duplicates, refusals and notes may differ."""
    for path in sorted(staging.iterdir(), key=lambda path: path.name == MANIFEST):
        path.replace(final / path.name)
    sync_folder(final)
    staging.rmdir()
