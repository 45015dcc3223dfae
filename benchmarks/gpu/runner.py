"""Runs one part in a process of its own, which is killed when its time is over. What it measured by then is kept."""

import importlib.util
import json
import multiprocessing
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

# The first step of an optimiser imports it: here it is imported once instead of in each part.
import torch._dynamo  # noqa: F401

from benchmarks.gpu.sizes import Sizes

# Each part gets a CUDA context of its own, and torch is imported once: this process never uses the GPU itself.
FORK = multiprocessing.get_context("fork")
LEAST_SECONDS = 5.0
NUM_LAST_LINES = 12

Keep = Callable[[str, Any], None]


class Part(NamedTuple):
    """`measure(sizes, keep)` passes each result to `keep` with its name. `needs` are modules besides models."""

    name: str
    measure: Callable[[Sizes, Keep], None]
    seconds: float
    needs: tuple[str, ...] = ()


def run_part(part: Part, sizes: Sizes, seconds: float, folder: Path) -> dict[str, Any]:
    """Run a part for at most so many seconds; returns its state, the reason if it is not done, and its results."""
    missing = [name for name in part.needs if importlib.util.find_spec(name) is None]
    if missing:
        return _row("skipped", f"the package {', '.join(missing)} is not installed")
    if seconds < LEAST_SECONDS:
        return _row("skipped", "the time was used by other parts")
    path, log = folder / f"{part.name}.json", folder / f"{part.name}.log"
    began, used = time.monotonic(), cpu_seconds()
    process = FORK.Process(target=_measure, args=(part, sizes, path, log))
    process.start()
    process.join(seconds)
    spent = {"seconds": time.monotonic() - began}
    results = json.loads(path.read_text()) if path.exists() else {}
    if process.is_alive():
        assert process.pid is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
        return _row("stopped", f"it was stopped after {seconds:.0f} s", results, **spent)
    spent["cpu_seconds"] = cpu_seconds() - used
    if process.exitcode:
        lines = log.read_text(errors="replace").splitlines()[-NUM_LAST_LINES:]
        return _row("failed", "\n".join(lines) or f"exit code {process.exitcode}", results, **spent)
    return _row("done", "", results, **spent)


def _row(state: str, reason: str, results: dict[str, Any] | None = None, **spent: float) -> dict[str, Any]:
    return {"state": state, "reason": reason, "results": results or {}, "seconds": 0.0, "cpu_seconds": 0.0} | spent


def cpu_seconds() -> float:
    """CPU time of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _measure(part: Part, sizes: Sizes, path: Path, log: Path) -> None:
    """What the process does: its own group, so that its children are killed with it, and its own output."""
    os.setsid()
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    results: dict[str, Any] = {}

    def keep(name: str, value: Any) -> None:
        results[name] = value
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(results))
        partial.replace(path)

    try:
        part.measure(sizes, keep)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    sys.stdout.flush()
    os._exit(0)  # without the clean-up of a parent's copy


class Child:
    """A call of `function` in a process of its own. For parts that have not used the GPU themselves."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._name = function.__name__
        self._receiver, sender = FORK.Pipe(duplex=False)
        self._process = FORK.Process(target=_send, args=(sender, function, arguments))
        self._process.start()
        sender.close()

    def result(self, seconds: float) -> Any:
        """The JSON value that it returns; None where it was killed.

        Raises RuntimeError where the process failed, or did not end within so many seconds.
        """
        self._process.join(seconds)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
            raise RuntimeError(f"{self._name} took longer than {seconds:.0f} s")
        if self._process.exitcode == -signal.SIGKILL:
            return None
        if not self._receiver.poll():
            raise RuntimeError(f"{self._name} failed with exit code {self._process.exitcode}")
        is_done, value = json.loads(self._receiver.recv_bytes())
        if not is_done:
            raise RuntimeError(f"{self._name} failed: {value}")
        return value


def in_child(function: Callable[..., Any], *arguments: Any, seconds: float = 60.0) -> Any:
    """What `Child.result` returns."""
    return Child(function, *arguments).result(seconds)


def _send(sender: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        sender.send_bytes(json.dumps([True, function(*arguments)]).encode())
    except BaseException as error:
        traceback.print_exc()
        sys.stderr.flush()
        sender.send_bytes(json.dumps([False, f"{type(error).__name__}: {error}"]).encode())
        os._exit(1)
    os._exit(0)
