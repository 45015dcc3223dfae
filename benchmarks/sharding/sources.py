"""The three collections of the comparison, fetched through package managers into a cache folder that git ignores.

Photographs: tiles of 1600 x 1200, half overlapping, cut from Debian's wallpaper packages. Textures: the different
JPEG files of two games.
Emoji: the PNG files of the npm package emoji-datasource-google.
"""

import shutil
import subprocess
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from PIL import Image

CACHE = Path(".cache/bench")
_WALLPAPERS = ("plasma-workspace-wallpapers", "mate-backgrounds", "lomiri-wallpapers-16.04", "gnome-backgrounds")
_TEXTURES = ("openarena-081-textures", "nexuiz-textures")
_TILE = (1600, 1200)


def photographs() -> Path:
    """Return a folder of about 700 JPEG photographs of 1600 x 1200 pixels."""
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


def _unpacked(package: str) -> Path:
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
    for package in _WALLPAPERS:
        for path in sorted(_unpacked(package).rglob("*")):
            if path.suffix.lower() not in (".jpg", ".jpeg", ".webp") or path.is_symlink():
                continue
            with Image.open(path) as image:
                picture = image.convert("RGB")
            for top in range(0, picture.height - _TILE[1] + 1, _TILE[1] // 2):
                for left in range(0, picture.width - _TILE[0] + 1, _TILE[0] // 2):
                    tile = picture.crop((left, top, left + _TILE[0], top + _TILE[1]))
                    tile.save(target / f"{number:05d}.jpg", quality=92)
                    number += 1


def _gather_textures(target: Path) -> None:
    for package in _TEXTURES:
        for archive in sorted(_unpacked(package).rglob("*.pk3")):
            with zipfile.ZipFile(archive) as opened:
                for name in sorted(opened.namelist()):
                    if name.lower().endswith(".jpg"):
                        _keep_once(target, opened.read(name))
        for path in sorted(_unpacked(package).rglob("*.jpg")):
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
