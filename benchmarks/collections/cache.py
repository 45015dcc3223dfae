"""The folder that fetched collections are kept in, which git ignores, and what is fetched into it."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

CACHE = Path(".cache/bench")


def made(name: str, make: Callable[[Path], None]) -> Path:
    """The folder CACHE/name, which `make` fills where it is not there yet; it is there whole or not at all."""
    folder = CACHE / name
    if not folder.exists():
        half = CACHE / f".{name}"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        make(half)
        half.rename(folder)
    return folder


def unpacked(package: str) -> Path:
    """The folder of a Debian package's files, fetched and unpacked but not installed."""
    folder = CACHE / "unpacked" / package
    if not folder.exists():
        debs = CACHE / "debs"
        debs.mkdir(parents=True, exist_ok=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not list(debs.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "download", package], cwd=debs, check=True)
        (deb,) = debs.glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", str(deb), str(folder)], check=True)
    return folder


def npm_package(name: str, version: str) -> Path:
    """The folder of an npm package's files, fetched but not installed anywhere else."""
    package = CACHE / "node_modules" / name
    if not package.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--ignore-scripts", "--silent", "--prefix", str(CACHE), f"{name}@{version}"]
        subprocess.run(command, check=True)
    return package
