"""Other nodes that a person starts."""

import shlex
import sys
from pathlib import Path

from tasks.trainer.run_directory import RunConfig


def node_command(path: Path, python: str = sys.executable) -> list[str]:
    """Return the command that makes a machine a node of the training in the run directory `path`."""
    return [python, "-m", "tasks.trainer.nodes.node", str(path)]


class Hand:
    """Says which command to run. Starts and stops nothing."""

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path = path
        self.others = config.train.compute.nodes - 1

    def show(self) -> str:
        """Return the command."""
        return shlex.join(node_command(self.path))

    def start(self) -> str:
        """Return the sentence that tells a person what to do."""
        return f"Waiting for {self.others} other node(s). On each of them, run: {self.show()}"

    def state(self) -> str:
        """Nothing is known."""
        return ""

    def stop(self) -> None:
        """The nodes end by themselves."""
