"""A node of a training that another one leads: `python -m tasks.trainer.nodes.node RUN_DIR`. Does not import torch.

RUN_DIR is the run directory on the shared file system. The program waits for the leader, trains with it, and waits for
it again if it is lost. It exits with 0 when the training has ended, and with 1 if no leader came for
`launch.wait_minutes`. Start it again after a crash: it continues from the newest checkpoint.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tasks.trainer.config import SUPERVISOR_PID
from tasks.trainer.nodes.rendezvous import Meeting
from tasks.trainer.run_directory import RunDirectory

logger = logging.getLogger("tasks.trainer.nodes.node")
POLL_SECONDS = 2.0
# torchrun may fail within seconds, if the leader is gone. After a longer time it has trained, or waited.
TRIED_SECONDS = 120.0


class Node:
    """The program's state: torchrun as its child, and whether it was told to stop."""

    def __init__(self, path: Path) -> None:
        self.run = RunDirectory(path)
        self.child: subprocess.Popen[bytes] | None = None
        self.told = False

    def stop(self, number: int, _frame: object) -> None:
        """Pass a signal on to torchrun: all nodes finish their step, and a checkpoint is written."""
        self.told = True
        if self.child is not None:
            self.child.send_signal(number)

    def work(self) -> int:
        """Train until the training has ended. Return the exit status."""
        patience = self.run.config().launch.wait_minutes * 60
        deadline = time.monotonic() + patience
        while not self.told and time.monotonic() < deadline:
            meeting = Meeting.read(self.run.path)
            if meeting is None or not meeting.answers():
                time.sleep(POLL_SECONDS)
                continue
            began = time.monotonic()
            if self.train() == 0 or self.has_ended():
                return 0
            if time.monotonic() - began > TRIED_SECONDS:
                deadline = time.monotonic() + patience
            logger.info("lost the leader: waiting for it")
            time.sleep(POLL_SECONDS)
        if not self.told:
            logger.error("no leader of %s for %s minutes", self.run.path, patience // 60)
        return 1

    def train(self) -> int:
        """Run torchrun. Return its exit status."""
        command = [sys.executable, "-m", "tasks.trainer.nodes.torchrun", str(self.run.path), "other"]
        environment = os.environ | {"PYTHONUNBUFFERED": "1", SUPERVISOR_PID: str(os.getpid())}
        # Its own session: a signal to the group of this process reaches it once, through `stop`.
        self.child = subprocess.Popen(command, env=environment, start_new_session=True)
        try:
            return self.child.wait()
        finally:
            self.child = None

    def has_ended(self) -> bool:
        """Whether the leader has ended the training, and not died."""
        status = self.run.status()
        return not Meeting.read(self.run.path) and status is not None and status.state != "running"


def main(path: Path) -> int:
    """Work as a node of the training in `path`. Return the exit status."""
    node = Node(path)
    signal.signal(signal.SIGTERM, node.stop)
    signal.signal(signal.SIGINT, node.stop)
    return node.work()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stdout)
    sys.exit(main(Path(sys.argv[1])))
