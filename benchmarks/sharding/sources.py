"""The three collections of the comparison, fetched through package managers into a cache folder that git ignores.

Photographs: overlapping tiles of 1600 x 1200 cut from the photographs among Debian's wallpapers, chosen by eye: most
wallpapers are drawings, whose flat areas decode faster. Textures: the different JPEG files of two games.
Emoji: the PNG files of the npm package emoji-datasource-google.
"""

import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from PIL import Image

CACHE = Path(".cache/bench")
# How their files or folders begin.
_PHOTOGRAPHS = {
    "lomiri-wallpapers-16.04": "Bridge Dragonfly Picture Wine aitzgorri free friends greentock life picosdeeuropa "
    "seeding sunset",
    "lomiri-wallpapers-20.04": "Kleiber",
    "mate-backgrounds": "Aqua Blinds FreshFlower Garden LadyBird RainDrops Storm TwoWings Wood YellowFlower",
    "plasma-workspace-wallpapers": "BytheWater ColdRipple ColorfulCups DarkestHour EveningGlow FallenLeaf Grey Kite "
    "OneStandsOut Path summer_1am",
}
_TEXTURES = ("openarena-081-textures", "nexuiz-textures")
_TILE, _STEP = (1600, 1200), (330, 240)


def photographs() -> Path:
    """Return a folder of 711 JPEG photographs of 1600 x 1200 pixels."""
    return _made("photographs", _cut_photographs)


def textures() -> Path:
    """Return a folder of about 2,900 JPEG textures of 256 to 512 pixels."""
    return _made("textures", _gather_textures)


def emoji() -> Path:
    """Return a folder of 3,786 PNG emoji of 64 x 64 pixels."""
    return _made("emoji", _gather_emoji)


def _made(name: str, make: Callable[[Path], None]) -> Path:
    folder = CACHE / name
    if not folder.exists():
        half = CACHE / f".{name}"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        make(half)
        half.rename(folder)
    return folder


def unpacked(package: str) -> Path:
    """Return the folder of a Debian package's files, fetched and unpacked but not installed."""
    folder = CACHE / "unpacked" / package
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        debs = CACHE / "debs"
        debs.mkdir(parents=True, exist_ok=True)
        if not list(debs.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "download", package], cwd=debs, check=True)
        (deb,) = debs.glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", str(deb), str(folder)], check=True)
    return folder


def _cut_photographs(target: Path) -> None:
    number = 0
    for path in _wallpapers():
        with Image.open(path) as image:
            picture = image.convert("RGB")
        for top in range(0, picture.height - _TILE[1] + 1, _STEP[1]):
            for left in range(0, picture.width - _TILE[0] + 1, _STEP[0]):
                tile = picture.crop((left, top, left + _TILE[0], top + _TILE[1]))
                tile.save(target / f"{number:05d}.jpg", quality=92)
                number += 1


def _wallpapers() -> Iterator[Path]:
    for package, beginnings in _PHOTOGRAPHS.items():
        for path in sorted(unpacked(package).rglob("*.jp*g")):
            chosen = any(part.startswith(tuple(beginnings.split())) for part in path.parts[-4:])
            if chosen and not path.is_symlink():
                yield path


def _gather_textures(target: Path) -> None:
    for package in _TEXTURES:
        for archive in sorted(unpacked(package).rglob("*.pk3")):
            with zipfile.ZipFile(archive) as opened:
                for name in sorted(opened.namelist()):
                    if name.lower().endswith(".jpg"):
                        _keep_once(target, opened.read(name))
        for path in sorted(unpacked(package).rglob("*.jpg")):
            if not path.is_symlink():
                _keep_once(target, path.read_bytes())


def _keep_once(target: Path, data: bytes) -> None:
    (target / f"{sha256(data).hexdigest()[:16]}.jpg").write_bytes(data)


def _gather_emoji(target: Path) -> None:
    package = CACHE / "node_modules" / "emoji-datasource-google"
    if not package.exists():
        command = ["npm", "install", "--ignore-scripts", "--silent", "emoji-datasource-google@16.0.0"]
        subprocess.run(command, cwd=CACHE, check=True)
    for path in sorted((package / "img" / "google" / "64").glob("*.png")):
        shutil.copyfile(path, target / path.name)
