"""Stamps of the drawing program Tux Paint: 796 PNG files in 17 folders, which are the classes.

They come with Debian's package tuxpaint-stamps-default (drawings and photographs, most with a transparent ground).
`python -m benchmarks.collections.stamps FOLDER`.
"""

import shutil
import sys
from pathlib import Path

from benchmarks.collections.cache import unpacked

PACKAGE, STAMPS = "tuxpaint-stamps-default", "usr/share/tuxpaint/stamps"


def main(folder: Path) -> None:
    """Write the files into `folder`, one folder a class, or do nothing where it is complete."""
    done = folder.with_suffix(".complete")
    if done.exists():
        return
    root = unpacked(PACKAGE) / STAMPS
    paths = sorted(root.rglob("*.png"))
    for path in paths:
        inside = path.relative_to(root)
        (folder / inside.parts[0]).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / inside.parts[0] / "-".join(inside.parts[1:]))
    done.touch()
    print(f"{len(paths):,} files written to {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
