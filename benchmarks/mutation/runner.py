"""Runs the tests of a module against its mutants, one process each, forked after what no mutant changes is imported.

The work is done in a copy of the repository, so that programs which a test starts run the mutant as well.
"""

import ast
import gc
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from benchmarks.mutation.mutants import Mutant

ROOT = Path(__file__).parents[2]
_COPIED = ("flows", "tasks", "models", "shards", "benchmarks", "tests", "deploy", "pyproject.toml")
_PRODUCT = ("flows", "tasks", "models", "shards")
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
            for name in [name for name in sys.modules if name.partition(".")[0] in _PRODUCT]:
                del sys.modules[name]  # its files are deleted with the copy
            os.chdir(before[0])
            sys.path[:] = before[1]
            os.environ["PYTHONPATH"] = before[2] or ""


def import_shared(module: str, tests: Sequence[str]) -> None:
    """Import everything that the tests of a module import, but the module itself and what imports it.

    What that is, a first run tells that only collects the tests. A thread pool must not start before the forks.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.NamedTemporaryFile("r") as file:
        _run([*tests, "--collect-only"], seconds=3600, modules=Path(file.name))
        names = [name for name in file.read().split() if name.partition(".")[0] not in ("benchmarks", "tests")]
    changing = dependents(module.removesuffix(".py").replace("/", "."), names)
    for name in names:
        if name not in changing:
            with suppress(ImportError):  # some packages enter names that cannot be imported
                importlib.import_module(name)
    gc.freeze()  # else the collector of each fork writes to all these objects, and so copies their memory


def dependents(module: str, names: Sequence[str]) -> set[str]:
    """Return `module` and those modules of the product among `names` that import it, also through others."""
    imported = {name: set(_imports(name)) for name in names if name.partition(".")[0] in _PRODUCT}
    found = {module}
    while more := {name for name, others in imported.items() if name not in found and others & found}:
        found |= more
    return found


def _imports(name: str) -> Iterator[str]:
    """Yield all names that a module of the product imports, anywhere in its file, and the packages around them."""
    path = Path(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    yield from _packages(name)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            parent = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                yield parent + alias.name
                yield from _packages(parent + alias.name)


def _packages(name: str) -> Iterator[str]:
    while name := name.rpartition(".")[0]:
        yield name


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


def _run(tests: Sequence[str], seconds: float, modules: Path | None = None) -> int:
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        _be_quiet()
        status = pytest.main([*tests, "-x", "-q", "-p", "no:cacheprovider"])
        if modules:
            modules.write_text("\n".join(sys.modules))
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
