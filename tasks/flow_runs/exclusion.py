"""One active run a dataset, by a lock that the kernel frees the moment its holder dies.

The lock is a file under the home's working folder: it is one for all workers that share it, on one machine or through a
shared file system. With a bucket as home, let one machine work for the pool `cpu`.
"""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from tasks.errors import DatasetBusy
from tasks.home import home

logger = logging.getLogger(__name__)
Overlap = Literal["wait", "cancel"]


@contextmanager
def sole_run(dataset: str, overlap: Overlap) -> Iterator[None]:
    """Be the one active run on `dataset`: wait for another to end, or raise DatasetBusy at once."""
    path = home().root / "locks" / f"{dataset}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if overlap == "cancel":
                raise DatasetBusy(f"another run works on the dataset {dataset}, and overlap is 'cancel'") from error
            logger.info("waiting for the run that works on the dataset %s", dataset)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
