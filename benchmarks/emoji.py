"""Emoji as a collection, 3,786 PNG files of 64x64 and a listing: `python -m benchmarks.emoji FOLDER`.

They come with the npm package emoji-datasource-google (Noto Emoji, Apache-2.0), whose emoji.json names one of ten
categories for each; a skin-toned variation has its emoji's.
"""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = "emoji-datasource-google@16.0.0"


def main(folder: Path) -> None:
    """Write the files and `listing.csv` into `folder`, or do nothing where it is complete."""
    done = folder.with_suffix(".complete")
    if done.exists():
        return
    package = fetch(folder.parent / ".npm")
    folder.mkdir(parents=True, exist_ok=True)
    labels = categories(json.loads((package / "emoji.json").read_text()))
    with (folder / "listing.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label"])
        for path in sorted((package / "img" / "google" / "64").glob("*.png")):
            shutil.copyfile(path, folder / path.name)
            rows.writerow([path.name, labels[path.name]])
    done.touch()
    print(f"{len(labels):,} files written to {folder}")


def fetch(folder: Path) -> Path:
    """The unpacked npm package, fetched into `folder` if it is not there."""
    package = folder / "node_modules" / "emoji-datasource-google"
    if not package.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--ignore-scripts", "--silent", "--prefix", str(folder), PACKAGE]
        subprocess.run(command, check=True)
    return package


def categories(emoji: list[dict[str, object]]) -> dict[str, str]:
    """The category of each file name; `emoji` is what emoji.json holds."""
    labels = {}
    for entry in emoji:
        variations = entry.get("skin_variations", {})
        assert isinstance(variations, dict)
        for image in [entry["image"], *(variation["image"] for variation in variations.values())]:
            labels[str(image)] = str(entry["category"])
    return labels


if __name__ == "__main__":
    main(Path(sys.argv[1]))
