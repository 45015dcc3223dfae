"""The interface of the launchers, and the other nodes of a training for as long as its trainer works."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tasks.errors import LaunchError, TrainerDied
from tasks.flow_runs.terminal import say
from tasks.trainer.nodes.rendezvous import Meeting
from tasks.trainer.run_directory import RunConfig, RunDirectory
from tasks.training.process.launchers.hand import Hand
from tasks.training.process.launchers.kubernetes import Kubernetes
from tasks.training.process.launchers.slurm import Slurm

logger = logging.getLogger(__name__)
STATE_SECONDS = 15.0


class Launcher(Protocol):
    """Starts and stops the nodes of one training besides the leader. Each runs tasks.trainer.nodes.node."""

    def show(self) -> str:
        """Return what `start` submits."""

    def start(self) -> str:
        """Start the nodes unless they are at work. Return a sentence about them. Raises LaunchError."""

    def state(self) -> str:
        """Return in words how many nodes wait or work. Empty if nothing is known. Raises LaunchError."""

    def stop(self) -> None:
        """End the nodes that are still there. Raises LaunchError."""


def choose_launcher(path: Path, config: RunConfig) -> Launcher | None:
    """Return the launcher that `config` asks for, for the run directory `path`. None if there is only one node."""
    if config.train.compute.nodes == 1:
        return None
    launchers: dict[str, Callable[[Path, RunConfig], Launcher]] = {
        "hand": Hand,
        "kubernetes": Kubernetes,
        "slurm": Slurm,
    }
    return launchers[config.launch.launcher](path, config)


@contextmanager
def other_nodes(run: RunDirectory) -> Iterator[Callable[[], None]]:
    """Start the other nodes, and yield a function that logs their state. At the end, stop them.

    If the trainer has died, they are not stopped: they wait for the trainer that a retry starts.
    """
    launcher = choose_launcher(run.path, run.config())
    if launcher is None:
        yield lambda: None
        return
    Meeting.remove(run.path)  # of a leader that was killed
    sentence = launcher.start()
    logger.info("%s", sentence)
    say(sentence)
    try:
        yield StateLog(launcher).poll
    except TrainerDied:
        raise
    except BaseException:
        _stop(launcher)
        raise
    else:
        _stop(launcher)


class StateLog:
    """Logs the state of the nodes when it changes."""

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher
        self.state = ""
        self.due = 0.0

    def poll(self) -> None:
        """Look at the state if it is due. A scheduler that does not answer stops no training."""
        if time.monotonic() < self.due:
            return
        self.due = time.monotonic() + STATE_SECONDS
        try:
            state = self.launcher.state()
        except LaunchError as error:
            state = f"unknown: {error}"
        if state != self.state:
            self.state = state
            logger.info("other nodes: %s", state)


def _stop(launcher: Launcher) -> None:
    try:
        launcher.stop()
    except LaunchError as error:
        logger.warning("the other nodes were not stopped, and end by themselves: %s", error)
