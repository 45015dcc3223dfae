"""Photographs and textures from Debian's packages.

Wallpapers are chosen by eye: most are drawings, whose flat areas decode faster. Textures are the different JPEG files
of two games.
"""

import zipfile
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path

from PIL import Image

from benchmarks.collections.cache import made, unpacked

# How the files or folders of photographs begin, by package.
_PHOTOGRAPHS = {
    "lomiri-wallpapers-16.04": "Bridge Dragonfly Picture Wine aitzgorri free friends greentock life picosdeeuropa "
    "seeding sunset",
    "lomiri-wallpapers-20.04": "Kleiber",
    "mate-backgrounds": "Aqua Blinds FreshFlower Garden LadyBird RainDrops Storm TwoWings Wood YellowFlower",
    "plasma-workspace-wallpapers": "BytheWater ColdRipple ColorfulCups DarkestHour EveningGlow FallenLeaf Grey Kite "
    "OneStandsOut Path summer_1am",
}
_TILED = ("mate-backgrounds", "gnome-backgrounds")
_TEXTURES = ("openarena-081-textures", "nexuiz-textures")
_NUM_TILES, _SIDE = 1500, 256


def photographs() -> Path:
    """A folder of 711 JPEG photographs of 1600 x 1200 pixels, overlapping tiles of larger ones."""
    return made("photographs", _cut_photographs)


def tiles() -> Path:
    """A folder of 1,500 photographs of 256 x 256 pixels, JPEG 95."""
    return made("tiles-256", _cut_tiles)


def textures() -> Path:
    """A folder of about 2,900 JPEG textures of 256 to 512 pixels."""
    return made("textures", _gather_textures)


def _cut_photographs(target: Path) -> None:
    cut = (tile for path in _wallpapers() for tile in _cut(path, (1600, 1200), (330, 240)))
    for number, tile in enumerate(cut):
        tile.save(target / f"{number:05d}.jpg", quality=92)


def _wallpapers() -> Iterator[Path]:
    for package, beginnings in _PHOTOGRAPHS.items():
        for path in sorted(unpacked(package).rglob("*.jp*g")):
            chosen = any(part.startswith(tuple(beginnings.split())) for part in path.parts[-4:])
            if chosen and not path.is_symlink():
                yield path


def _cut_tiles(target: Path) -> None:
    paths = [path for package in _TILED for path in sorted(unpacked(package).rglob("*"))]
    photos = (path for path in paths if path.suffix.lower() in (".jpg", ".jpeg", ".webp") and not path.is_symlink())
    cut = (tile for path in photos for tile in _cut(path, (2 * _SIDE, 2 * _SIDE), (_SIDE, _SIDE)))
    for number, tile in enumerate(islice(cut, _NUM_TILES)):
        tile.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS).save(target / f"{number:05d}.jpg", quality=95)


def _cut(path: Path, size: tuple[int, int], step: tuple[int, int]) -> Iterator[Image.Image]:
    with Image.open(path) as image:
        picture = image.convert("RGB")
    for top in range(0, picture.height - size[1] + 1, step[1]):
        for left in range(0, picture.width - size[0] + 1, step[0]):
            yield picture.crop((left, top, left + size[0], top + size[1]))


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
