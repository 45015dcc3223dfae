"""The trainer in a process of its own, forked from one that has imported everything: importing takes four seconds."""

import multiprocessing
import os
import runpy
import subprocess
import sys
from pathlib import Path

from tasks.trainer.run_directory import RunDirectory

MODULE = "tasks.trainer.worker"
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([MODULE, "torch._inductor.config"])  # the second one is imported by the first step


class Trainer:
    """`python -m tasks.trainer.worker RUN` in a session of its own; what it prints is appended to the run's log."""

    def __init__(self, run: RunDirectory) -> None:
        self.command = f"python -m {MODULE} {run.path}"
        self.process = CONTEXT.Process(target=_work, args=(str(run.path), str(run.log), dict(os.environ)))
        self.process.start()
        assert self.process.pid
        self.pid: int = self.process.pid

    def poll(self) -> int | None:
        """The exit status, or None while the process lives; negative for a signal."""
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once there is one. Raises subprocess.TimeoutExpired."""
        self.process.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(self.command, timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.process.kill()


def _work(path: str, log: str, environment: dict[str, str]) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    with Path(log).open("ab") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    sys.argv = [MODULE, path]
    runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
