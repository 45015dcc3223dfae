"""Runs the tests of a module against its mutants, one process each, forked after the libraries are imported.

The work is done in a copy of the repository, so that programs which a test starts run the mutant as well.
"""

import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.mutation.mutants import Mutant

ROOT = Path(__file__).parents[2]
_COPIED = ("flows", "tasks", "models", "shards", "benchmarks", "tests", "deploy", "pyproject.toml")
_NO_TESTS = 5
_PATIENCE, _LEAST_SECONDS = 5, 20


@contextmanager
def copied_repository() -> Iterator[Path]:
    """Give a copy of the repository that is the current folder and comes first on the import path."""
    before = Path.cwd(), list(sys.path), os.environ.get("PYTHONPATH")
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        for name in _COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder, name))
        os.chdir(folder)
        sys.path[:] = [folder, *(one for one in sys.path if Path(one or ".").resolve() != ROOT)]
        os.environ["PYTHONPATH"] = folder
        try:
            yield Path(folder)
        finally:
            os.chdir(before[0])
            sys.path[:] = before[1]
            os.environ["PYTHONPATH"] = before[2] or ""


def import_libraries(names: Sequence[str]) -> None:
    """Import what all runs share; a thread pool must not start before the forks."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in names:
        importlib.import_module(name)


def seconds_of_tests(tests: Sequence[str]) -> float:
    """Run tests without a mutant and return how long they take; raises RuntimeError when they fail."""
    started = time.monotonic()
    status = _run(tests, seconds=3600)
    if status != 0:
        raise RuntimeError(f"{' '.join(tests)} end with status {status} before anything is changed; repair them first")
    return time.monotonic() - started


def is_noticed(path: Path, mutant: Mutant, tests: Sequence[str], seconds: float, number: int) -> bool:
    """Say whether the tests fail, or do not end, with the mutant in the place of `path`."""
    original = path.read_text()
    path.write_text(mutant.source)
    # A compiled file is recognised by size and time in seconds: each mutant needs a time of its own.
    os.utime(path, (number, number))
    try:
        return _run(tests, seconds * _PATIENCE + _LEAST_SECONDS) != 0
    finally:
        path.write_text(original)


def _run(tests: Sequence[str], seconds: float) -> int:
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        _be_quiet()
        status = pytest.main([*tests, "-x", "-q", "-p", "no:cacheprovider"])
        os._exit(1 if status == _NO_TESTS else int(status))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            _stop_group(child)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    _stop_group(child)
    os.waitpid(child, 0)
    return -signal.SIGKILL


def _be_quiet() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


def _stop_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return
