"""The program behind tasks.training.process.early: `python -m tasks.training.process.program JOB`.

JOB is an EarlyJob as JSON. The program reads the training images in a thread while it imports torch. Then it waits for
a line on stdin, the run directory, and becomes the trainer of that run. It ends when its parent ends. Imports neither
Prefect nor MLflow.
"""

import gc
import logging
import os
import sys
import threading
from pathlib import Path

import shards.reading.resident  # noqa: F401 - everything that the thread needs is imported before it starts
from shards import Dataset, ShardsError, Split
from shards.processes.lifetime import die_with_parent
from tasks.trainer.config import choose_mode
from tasks.training.process.early import EarlyJob

logger = logging.getLogger(__name__)


class SplitReader:
    """Decodes the training split in a thread, unless it has to be streamed, or the training draws from a blend."""

    def __init__(self, job: EarlyJob) -> None:
        self.job = job
        self._dataset: Dataset | None = None
        self._split: Split | None = None
        self._thread = threading.Thread(target=self._read, name="early-split", daemon=True)
        if not job.data.blend:
            self._thread.start()

    def find(self, dataset: Dataset) -> Split | None:
        """Wait for the split. Return None if it is of another version, or if it could not be read.

        The trainer then reads it itself, and raises the error in its own run.
        """
        if self._thread.ident is None:
            return None
        self._thread.join()
        opened, split = self._dataset, self._split
        self._dataset = self._split = None
        same = opened and (opened.uri, opened.manifest.version) == (dataset.uri, dataset.manifest.version)
        return split if same else None

    def _read(self) -> None:
        try:
            self._dataset = Dataset.open(self.job.dataset, self.job.root)
            if choose_mode(self.job.data, self._dataset) == "resident":
                self._split = self._dataset.open_split("train")
        except (ShardsError, OSError) as error:
            logger.info("the images were not read before the start of the run: %s", error)


def main(job: EarlyJob) -> None:
    """Read the images and import torch, wait for the run, and train it."""
    reader = SplitReader(job)
    gc.disable()  # what is imported stays: to look for garbage in it takes a quarter of the time of the imports
    from tasks.trainer import worker  # imports torch, while the thread reads

    gc.freeze()
    gc.enable()
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        sys.exit()  # the command has ended, or it needs no trainer
    path = Path(line.rstrip("\n"))
    write_to(path / "train.log")
    worker.work(path, reader.find)


def write_to(log: Path) -> None:
    """Send the output of this process to the file, with what was written before."""
    with log.open("ab") as file:
        file.write(os.pread(sys.stdout.fileno(), os.fstat(sys.stdout.fileno()).st_size, 0))
        file.flush()
        for number in (sys.stdout.fileno(), sys.stderr.fileno()):
            os.dup2(file.fileno(), number)


if __name__ == "__main__":
    given = EarlyJob.model_validate_json(sys.argv[1])
    die_with_parent(parent=given.parent)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stdout)
    main(given)
