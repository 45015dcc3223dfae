"""A trainer that starts together with its command, and gets its run when the command has prepared it.

It reads the training images and imports torch while the command imports Prefect and MLflow. Imports none of these.
"""

import atexit
import os
import subprocess
import sys
import tempfile
from typing import ClassVar

from tasks.home import home
from tasks.trainer.config import SUPERVISOR_PID, DataConfig, Settings, TrainConfig

PROGRAM = "tasks.training.process.program"


class EarlyJob(Settings):
    """What such a trainer knows at its start: the images to read, and the process that started it."""

    dataset: str
    root: str
    data: DataConfig
    parent: int


class EarlyTrainer:
    """A trainer that waits for its run. A process has at most one, and ends it when it does not need it."""

    _started: ClassVar["EarlyTrainer | None"] = None

    def __init__(self, job: EarlyJob) -> None:
        with tempfile.TemporaryFile() as output:  # the trainer copies it to the run's log
            self.process = subprocess.Popen(
                [sys.executable, "-m", PROGRAM, job.model_dump_json(exclude_unset=True)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=os.environ | trainer_environment(),
            )
        atexit.register(self.stop)

    @classmethod
    def start(cls, dataset: str, train: TrainConfig, data: DataConfig) -> None:
        """Start the trainer, unless several processes or nodes share the training: torchrun starts those."""
        if cls._started is None and train.compute.processes <= 1 and train.compute.nodes == 1:
            job = EarlyJob(dataset=dataset, root=home().shared, data=data, parent=os.getpid())
            cls._started = cls(job)

    @classmethod
    def take(cls, run_dir: str) -> "subprocess.Popen[bytes] | None":
        """Give the waiting trainer its run and return its process. Return None if no trainer waits.

        A trainer is returned once: a retry starts a new one. One that has failed before is not returned, so that the
        next one tells the reason in the run's log.
        """
        found, cls._started = cls._started, None
        if found is None:
            return None
        atexit.unregister(found.stop)
        assert found.process.stdin is not None
        try:
            with found.process.stdin as channel:
                channel.write(f"{run_dir}\n".encode())
        except BrokenPipeError:
            found.stop()
            return None
        return found.process

    @classmethod
    def stop_unused(cls) -> None:
        """End the trainer that nobody has taken."""
        found, cls._started = cls._started, None
        if found:
            atexit.unregister(found.stop)
            found.stop()

    def stop(self) -> None:
        """End the trainer. It has written nothing."""
        self.process.kill()
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()


def trainer_environment() -> dict[str, str]:
    """Return the variables that a trainer gets besides those of this process."""
    return {"PYTHONUNBUFFERED": "1", SUPERVISOR_PID: str(os.getpid())}
