"""Photographs of landscapes, each cut into its left and its right half: squares of 360 pixels, as PNG.

They come with the game Endless Sky (Debian's package endless-sky-data, images/land, 273 JPEG files of 720x360). Those
of rooms, rockets and the Earth from space are left out. `python -m benchmarks.collections.landscapes FOLDER`.
"""

import sys
from pathlib import Path

from PIL import Image

from benchmarks.collections.cache import unpacked

PACKAGE, PHOTOGRAPHS = "endless-sky-data", "usr/share/games/endless-sky/images/land"
LEFT_OUT = ("earthrise", "industrial", "loc", "nasa", "space", "station")  # how the names of the files begin


def main(folder: Path) -> None:
    """Write the squares into `folder`, or do nothing where it is complete."""
    done = folder.with_suffix(".complete")
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    paths = sorted((unpacked(PACKAGE) / PHOTOGRAPHS).glob("*.jpg"))
    chosen = [path for path in paths if not path.name.startswith(LEFT_OUT)]
    for path in chosen:
        with Image.open(path) as image:
            side = image.height
            for name, left in (("left", 0), ("right", image.width - side)):
                image.crop((left, 0, left + side, side)).save(folder / f"{path.stem}-{name}.png")
    done.touch()
    print(f"{2 * len(chosen):,} files written to {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
