"""Pictures and logs of a run in two files, because a lent machine gives back few files."""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.collections.sharded import COLLECTIONS
from benchmarks.families.process import Place
from models.grids import grid_png

PICTURES, LOGS = "pictures.tar", "logs.tar.gz"
COLUMNS, ROWS = 16, 2  # of each family's images


def pack(place: Place, families: Sequence[str]) -> None:
    """Write what there is by now: one picture for each collection, those of long trainings, and all logs."""
    pictures = {f"{name}.png": png for name in COLLECTIONS if (png := joined(place.work, name, families))}
    pictures |= {path.name: path.read_bytes() for path in sorted(place.work.glob("*.png"))}
    _write(place.out / PICTURES, pictures, "w")
    logs = {path.name: path.read_bytes() for path in sorted((place.work / "logs").glob("*.log"))}
    _write(place.out / LOGS, logs, "w:gz")


def joined(work: Path, collection: str, families: Sequence[str]) -> bytes | None:
    """Real images, then those of each family's first seed, two rows of 16 each; None where there are none."""
    found = [work / f"{collection}-real.npy", *(work / f"{collection}-{family}-0.npy" for family in families)]
    parts = [np.load(path)[: ROWS * COLUMNS] for path in found if path.exists()]
    return grid_png(np.concatenate(parts), COLUMNS) if len(parts) > 1 else None


def _write(path: Path, files: dict[str, bytes], mode: str) -> None:
    partial = path.with_name(f".{path.name}")
    with tarfile.open(partial, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    partial.replace(path)
