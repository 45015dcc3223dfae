"""One active run per dataset. The kernel frees the lock as soon as its holder dies.

The lock is a file under the home's working folder. All workers that share this folder, on one machine or through a
shared file system, share the lock. If the home is a bucket, let only one machine work for the pool `cpu`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from filelock import FileLock, Timeout

from tasks.errors import DatasetBusy
from tasks.home import home

logger = logging.getLogger(__name__)
Overlap = Literal["wait", "cancel"]


@contextmanager
def sole_run(dataset: str, overlap: Overlap) -> Iterator[None]:
    """Hold the lock of the only active run on `dataset`: wait for another run to end, or raise DatasetBusy at once."""
    path = home().root / "locks" / f"{dataset}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        held = lock.acquire(timeout=0)
    except Timeout as error:
        if overlap == "cancel":
            raise DatasetBusy(f"another run works on the dataset {dataset}, and overlap is 'cancel'") from error
        logger.info("waiting for the run that works on the dataset %s", dataset)
        held = lock.acquire()
    with held:
        yield
