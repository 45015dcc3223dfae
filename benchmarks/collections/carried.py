"""All collections in one archive, for a machine without a network: `python -m benchmarks.collections.carried FILE`.

FILE is a new .tar.xz. Digits, emoji and stamps are stored as lossless WebP. Their pixels and splits are those of the
PNG versions. Photographs are stored as JPEG 95: lossless, they would take three times the space.
"""

import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from benchmarks.collections.sharded import COLLECTIONS, sharded
from shards import Dataset

ENCODINGS = dict.fromkeys(COLLECTIONS, "webp:lossless") | dict.fromkeys(("landscapes", "tiles"), "jpeg:95")


def pack(archive: Path) -> None:
    """Build all collections, and write their shards and manifests to a .tar.xz."""
    with tempfile.TemporaryDirectory() as folder, tarfile.open(archive, "w:xz", preset=9) as packed:
        for name, collection in COLLECTIONS.items():
            built = sharded(name, collection.resolution, home=Path(folder), encoding=ENCODINGS[name])
            version = Path(built.uri).parent
            paths = [version.parent / "LATEST", version / "manifest.json", *sorted(version.glob("*.tar"))]
            for path in paths:
                packed.add(path, str(path.relative_to(folder)))
            print(*built.facts(), sep="\n", flush=True)
    print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB")


def unpacked(archive: Path, folder: Path) -> Path:
    """The folder with the collections of an archive. A folder is returned as it is."""
    if archive.is_dir():
        return archive
    shutil.unpack_archive(archive, folder, filter="data")
    return folder


def opened(name: str, folder: Path | None) -> Dataset:
    """A collection at the side for comparing families, from `folder` if one is given, else fetched and built."""
    return Dataset.open(name, folder) if folder else sharded(name, COLLECTIONS[name].resolution)


if __name__ == "__main__":
    pack(Path(sys.argv[1]))
