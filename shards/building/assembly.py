"""Assembly: writes a complete dataset version from the ledger and the part files, in the order of the contents' hashes.

This order spreads the classes over all shards and makes the bytes independent of file names and of the number of
workers. The hash also decides the split, so an image stays in its split when the collection grows.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from PIL import features

from shards.building.changes import Version, find_changes
from shards.building.classes import Classes
from shards.building.contact_sheet import CONTACT_SHEET, ContactSheet
from shards.building.ledger import Ledger
from shards.building.schema import Claim, Content
from shards.building.writer import ShardWriter
from shards.config import ShardConfig
from shards.errors import BuildError, SourceError
from shards.images.containers.marking import Mark
from shards.images.containers.marks import GENERATED
from shards.layout.identity import VersionHash, sample_key
from shards.layout.manifest import MANIFEST, SAMPLES_TABLE, Counts, Manifest, Split, Synthetic
from shards.layout.tables import DUPLICATES, QUARANTINE, SAMPLES, TableWriter
from shards.storage.files import sync_folder

_PLACE_EVERY = 10_000
_OPEN_FILES = 128
_SPLITS: tuple[Split, Split] = ("train", "val")


@dataclass
class _Tally:
    """The counts that are made while the shards are written."""

    version: VersionHash
    duplicates: int = 0
    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    samples: Counter[Split] = field(default_factory=Counter)
    classes: dict[Split, Counter[str]] = field(default_factory=lambda: {split: Counter() for split in _SPLITS})


class Assembly:
    """Writes one version into an empty `folder`; samples come from `parts` and from `last`, the previous version."""

    def __init__(
        self,
        config: ShardConfig,
        ledger: Ledger,
        last: Path,
        folder: Path,
        parts: Path,
        synthetic: Synthetic | None = None,
        source_synthetic: Synthetic | None = None,
        latest: Version | None = None,
    ) -> None:
        self._latest = latest  # the version that the checks compare with
        self._config, self._ledger = config, ledger
        self._synthetic, self._source_synthetic = synthetic, source_synthetic
        self._last, self._folder, self._parts = last, folder, parts
        self._tally = _Tally(VersionHash(config.content_settings()))
        self._files: dict[str, int] = {}
        self._sheet = ContactSheet()
        self._placed: list[tuple[bytes, Content]] = []

    def write(self, classes: Classes, grew_from: str | None, on_sample: Callable[[int], None]) -> Manifest:
        """Write shards, tables and manifest; raises SourceError when there are too few images to train on."""
        self._classes = classes
        self._label_index = {name: index for index, name in enumerate(classes.labels)}
        limits = {"max_samples": self._config.samples_per_shard, "max_bytes": self._config.shard_mb * 2**20}
        self._writers = {split: ShardWriter(self._folder, split, **limits) for split in _SPLITS}
        self._ledger.begin_placing()
        try:
            self._write_quarantine()
            self._write_samples(on_sample)
        finally:
            for descriptor in self._files.values():
                os.close(descriptor)
        self._refuse_empty()
        self._sheet.save(self._folder / CONTACT_SHEET, classes.notes, self._mark())
        manifest = self._checked(self._manifest(grew_from))
        (self._folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n")
        self._sync()
        return manifest

    def _write_quarantine(self) -> None:
        table = TableWriter(self._folder / "quarantine.parquet", QUARANTINE)
        for refusal in self._ledger.refusals():
            digest = refusal.source_sha256.hex() if refusal.source_sha256 else None
            table.add(refusal._asdict() | {"source_sha256": digest})
            self._tally.reasons[refusal.reason] += 1
            self._sheet.refuse(refusal)
        table.close()

    def _write_samples(self, on_sample: Callable[[int], None]) -> None:
        samples = TableWriter(self._folder / SAMPLES_TABLE, SAMPLES)
        duplicates = TableWriter(self._folder / "duplicates.parquet", DUPLICATES)
        for claim in self._ledger.claims():
            rows = self._write_claim(claim)
            for row in rows:
                samples.add(row)
            for row in self._duplicates(claim, kept=bool(rows)):
                duplicates.add(row)
            self._tally.kept += bool(rows)
            on_sample(self._tally.kept + duplicates.num_rows)
        samples.close()
        duplicates.close()
        self._tally.duplicates = duplicates.num_rows
        self._ledger.place(self._placed)
        for writer in self._writers.values():
            writer.close()

    def _write_claim(self, claim: Claim) -> list[dict[str, Any]]:
        contents = self._ledger.contents(claim.source_sha256)
        return [self._write_sample(claim, content) for content in contents]

    def _duplicates(self, claim: Claim, *, kept: bool) -> Iterator[dict[str, Any]]:
        """Yield one row for each file of a claim that did not become a sample."""
        reason, digest, first = "same_bytes", claim.source_sha256, claim.sources[0][0]
        if not kept:
            reason, digest, first = self._ledger.stand_in(claim.source_sha256)
        for source, _ in claim.sources[1 if kept else 0 :]:
            yield {"source": source, "duplicate_of": first, "key": sample_key(digest.hex()), "reason": reason}

    def _write_sample(self, claim: Claim, content: Content) -> dict[str, Any]:
        source, label_name = claim.sources[0]
        label = self._label_index.get(label_name) if label_name is not None else None
        name = None if label is None else label_name
        digest = claim.source_sha256.hex()
        key = sample_key(digest, content.frame)
        split = self._split(claim.source_sha256)
        data = self._read(content)
        shard, offset = self._writers[split].add(key, content.facts["suffix"], data, label)
        self._tally.version.add(key, content.facts["sha256"], label)
        self._count(split, name)
        self._note(claim.source_sha256, content, shard, offset)
        self._sheet.keep(data, name, is_marked=content.facts.get("marked") in GENERATED)
        known = {"key": key, "split": split, "label": label, "label_name": name, "source": source}
        place = {
            "source_sha256": digest,
            "frame": content.frame,
            "bytes": content.bytes,
            "shard": shard,
            "offset": offset,
        }
        return {**content.facts, **known, **place}

    def _split(self, digest: bytes) -> Split:
        # Samples are ordered by the first bytes of the hash, so the last bytes can decide the split.
        return "val" if int.from_bytes(digest[-8:]) < self._config.val_fraction * 2**64 else "train"

    def _read(self, content: Content) -> bytes:
        path = (self._parts if content.file.endswith(".part") else self._last) / content.file
        if content.file not in self._files:
            if len(self._files) >= _OPEN_FILES:
                os.close(self._files.pop(next(iter(self._files))))
            self._files[content.file] = os.open(path, os.O_RDONLY)
        data = os.pread(self._files[content.file], content.bytes, content.offset)
        if sha256(data).hexdigest() != content.facts["sha256"]:
            raise BuildError(
                f"{str(path)!r} was altered since it was written. Remove {str(path.parent)!r} and run again: the "
                f"images are then read again."
            )
        return data

    def _count(self, split: Split, label: str | None) -> None:
        self._tally.samples[split] += 1
        if label is not None:
            self._tally.classes[split][label] += 1

    def _note(self, digest: bytes, content: Content, shard: str, offset: int) -> None:
        self._placed.append((digest, content._replace(file=shard, offset=offset)))
        if len(self._placed) >= _PLACE_EVERY:
            self._ledger.place(self._placed)
            self._placed = []

    def _refuse_empty(self) -> None:
        tally = self._tally
        found = ", ".join(f"{count} {reason}" for reason, count in tally.reasons.most_common()) or "nothing"
        if not tally.kept:
            raise SourceError(f"the source {self._config.source!r} has no usable image. What was found: {found}.")
        if not tally.samples["train"]:
            raise SourceError(
                f"All {tally.kept} images are in the validation split. Add images, or make val_fraction smaller "
                f"than {self._config.val_fraction}."
            )

    def _checked(self, manifest: Manifest) -> Manifest:
        """Return the manifest with the findings of the checks; raises SourceError where they stop the build."""
        before, policy = self._latest, self._config.checks
        if before is None or policy == "off":
            return manifest
        if before.manifest.version == manifest.version:
            return manifest.model_copy(update={"checks": before.manifest.checks})
        found = find_changes(before, Version.read(manifest, str(self._folder / MANIFEST)))
        if found and policy == "stop":
            raise SourceError(
                f"{' '.join(found)} checks=stop stops here. If that is what you want, build once with checks=warn."
            )
        return manifest.model_copy(update={"checks": found})

    def _mark(self) -> Mark | None:
        """Return the mark of the contact sheet, if it shows generated images."""
        if self._synthetic:
            return None if self._synthetic.mark == "off" else Mark(self._synthetic.model, seed=self._synthetic.seed)
        if self._source_synthetic:
            return Mark(self._source_synthetic.model)
        return Mark(composite=True) if self._sheet.has_marked else None

    def _manifest(self, grew_from: str | None) -> Manifest:
        config, tally = self._config, self._tally
        version = tally.version.version()
        quarantined = tally.reasons.total()
        counts = Counts(
            seen=tally.kept + tally.duplicates + quarantined,
            kept=tally.kept,
            duplicates=tally.duplicates,
            quarantined=quarantined,
            reasons=dict(sorted(tally.reasons.items())),
        )
        return Manifest(
            name=f"{config.dataset}@{version}",
            dataset=config.dataset,
            version=version,
            source=self._synthetic.model if self._synthetic else config.source,
            synthetic=self._synthetic,
            source_synthetic=self._source_synthetic,
            grew_from=grew_from if grew_from != version else None,
            labels=self._classes.labels,
            notes=self._classes.notes,
            resolution=config.resolution,
            image_width=config.image_width,
            channels=config.channels,
            counts=counts,
            marked_generated=self._ledger.num_marked(),
            num_samples_by_split={split: tally.samples[split] for split in _SPLITS},
            classes_by_split={split: dict(sorted(tally.classes[split].items())) for split in _SPLITS},
            shardlist=[record for split in _SPLITS for record in self._writers[split].records],
            settings=config.content_settings(),
            libraries=libraries(),
        )

    def _sync(self) -> None:
        for path in self._folder.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(self._folder)


def libraries() -> dict[str, str]:
    """Return the versions of the libraries that decide the bytes of a sample."""
    codecs = {name: features.version(name) or "none" for name in ("jpg", "webp", "zlib", "littlecms2")}
    return {"pillow": installed("pillow"), **codecs}
