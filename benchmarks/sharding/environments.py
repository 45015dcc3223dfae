"""The programs that ours is compared with, each with pinned packages in an environment of its own, made once."""

import subprocess
import sys
from pathlib import Path

from benchmarks.collections.cache import CACHE

PACKAGES = {
    "img2dataset": (
        "img2dataset==1.47.0",
        "albumentations==1.4.24",
        "albucore==0.0.23",
        "opencv-python-headless==4.14.0.94",
        "numpy==2.4.6",
        "webdataset==0.2.111",
        "pyarrow==26.0.1",
    ),
    # Left to itself, pip takes the newest torch with four gigabytes of CUDA.
    "litdata": ("litdata==0.2.76", "torch==2.13.0", "torchvision==0.28.0", "numpy==2.4.6", "pillow==13.0.0"),
}


class CannotInstallError(Exception):
    """An environment that cannot be made here; the message is pip's last line."""


_failures: dict[str, str] = {}


def programs(name: str) -> Path:
    """Return the folder of an environment's programs; raises CannotInstallError, having tried once a process."""
    if name in _failures:
        raise CannotInstallError(_failures[name])
    try:
        return _made(name)
    except CannotInstallError as error:
        _failures[name] = str(error)
        raise


def _made(name: str) -> Path:
    environment = CACHE / f"{name}-venv"
    made = environment / "made-of"
    wanted = " ".join(PACKAGES[name])
    if not made.exists() or made.read_text() != wanted:
        print(f"installing {wanted} into {environment}", file=sys.stderr, flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(environment)])
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
        _run([*pip, *PACKAGES[name]])
        _run([str(environment / "bin" / "python"), "-c", f"import {name}"])
        made.write_text(wanted)
    return (environment / "bin").absolute()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit status {done.returncode}"]
        told = [line for line in lines if line.startswith("ERROR")] or lines
        raise CannotInstallError(told[-1])
