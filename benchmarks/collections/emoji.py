"""Emoji as a collection, 3,786 PNG files of 64x64 and a listing: `python -m benchmarks.collections.emoji FOLDER`.

They come with the npm package emoji-datasource-google (Noto Emoji, Apache-2.0), whose emoji.json names one of ten
categories for each; a skin-toned variation has its emoji's.
"""

import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.collections.cache import npm_package


def main(folder: Path) -> None:
    """Write the files and `listing.csv` into `folder`, or do nothing where it is complete."""
    done = folder.with_suffix(".complete")
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    labels = categories(json.loads((package() / "emoji.json").read_text()))
    with (folder / "listing.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label"])
        for path in sorted(pictures().glob("*.png")):
            shutil.copyfile(path, folder / path.name)
            rows.writerow([path.name, labels[path.name]])
    done.touch()
    print(f"{len(labels):,} files written to {folder}")


def package() -> Path:
    """The unpacked npm package."""
    return npm_package("emoji-datasource-google", "16.0.0")


def pictures() -> Path:
    """A folder of 3,786 PNG emoji of 64 x 64 pixels, without labels."""
    return package() / "img" / "google" / "64"


def categories(emoji: list[dict[str, Any]]) -> dict[str, str]:
    """The category of each file name; `emoji` is the content of emoji.json."""
    return {
        str(image): str(entry["category"])
        for entry in emoji
        for image in (entry["image"], *(one["image"] for one in entry.get("skin_variations", {}).values()))
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
