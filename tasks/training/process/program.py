"""The program behind tasks.training.process.early: `python -m tasks.training.process.program JOB`.

JOB is an EarlyJob as JSON. The program reads the training images in a thread while it imports torch. Then it waits for
a line on stdin, the run directory, and becomes the trainer of that run. It ends when its parent ends. Imports neither
Prefect nor MLflow.
"""

import gc
import logging
import os
import sys
from pathlib import Path

from shards import Dataset, Split
from shards.processes.lifetime import die_with_parent
from shards.reading.early import EarlySplit
from tasks.trainer.config import choose_mode
from tasks.training.process.early import EarlyJob


def read_early(job: EarlyJob) -> EarlySplit | None:
    """Begin to decode the training split, unless it has to be streamed. Return None if a blend is trained on."""

    def decode() -> Split | None:
        dataset = Dataset.open(job.dataset, job.root)
        return dataset.open_split("train") if choose_mode(job.data, dataset) == "resident" else None

    return None if job.data.blend else EarlySplit(decode)


def main(job: EarlyJob) -> None:
    """Read the images and import torch, wait for the run, and train it."""
    early = read_early(job)
    gc.disable()  # what is imported stays: to look for garbage in it takes a quarter of the time of the imports
    import torch._dynamo  # noqa: F401 - every optimizer imports it at its first step

    from tasks.trainer import worker

    gc.freeze()
    gc.enable()
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        sys.exit()  # the command has ended, or it needs no trainer
    path = Path(line.rstrip("\n"))
    write_to(path / "train.log")
    worker.work(path, lambda dataset: early.find(dataset.manifest) if early else None)


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
