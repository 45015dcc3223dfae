"""Running a program and saying what it took: CPU seconds and wall seconds of its whole tree, and its peak memory."""

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from tasks.trainer.costs.trials import proportional_bytes

_SAMPLE_SECONDS = 0.05


class Cost(NamedTuple):
    """What a program took; `peak_mb` counts shared memory once (proportional set size)."""

    status: int
    cpu_seconds: float
    wall_seconds: float
    peak_mb: float


def measure(command: list[str], log: Path, environment: dict[str, str] | None = None) -> Cost:
    """Run a command to its end, its output into a log file; without `environment` it inherits this one's."""
    with log.open("ab") as output:
        began = time.monotonic()
        child = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        watcher = _Watcher(child.pid)
        watcher.start()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        watcher.done.set()
        watcher.join()
    return Cost(child.returncode, used.ru_utime + used.ru_stime, wall, watcher.peak_bytes / 2**20)


class _Watcher(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()
        self.peak_bytes = 0
        self._pid = pid

    def run(self) -> None:
        while not self.done.wait(_SAMPLE_SECONDS):
            try:
                root = psutil.Process(self._pid)
                tree = [root, *root.children(recursive=True)]
                self.peak_bytes = max(self.peak_bytes, sum(proportional_bytes(one.pid) for one in tree))
            except psutil.Error:
                continue
