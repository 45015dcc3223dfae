"""torch.compile of every family: that it runs, what the first step takes, and what the cache saves the next time."""

import os
import tempfile
from typing import Any

from benchmarks.gpu.runner import Keep, in_child
from benchmarks.gpu.sizes import Case, Sizes
from benchmarks.gpu.trainings import Timed
from models.compute.compilation import CACHE

BATCH, NUM_STEPS = 8, 3
CHILD_SECONDS = 100.0


def measure(sizes: Sizes, keep: Keep) -> None:
    """Keep the seconds of the first step with an empty cache, and of another process with the cache of the first."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE] = folder
        for family in sizes.families:
            case = Case(family, family, sizes.exact_resolution, sizes.exact_width, BATCH, NUM_STEPS, True)
            for precision in sizes.precisions if family == "dcgan" else sizes.precisions[:1]:
                name = f"{family}, {precision}"
                try:
                    seconds = CHILD_SECONDS * sizes.patience
                    cold = in_child(first_step, case, sizes.device, precision, seconds=seconds)
                    warm = in_child(first_step, case, sizes.device, precision, seconds=seconds)
                    keep(name, {"first_step_seconds": cold, "with_cache_seconds": warm})
                except RuntimeError as error:
                    keep(name, {"failed": str(error)})


def first_step(case: Case, device: str, precision: str) -> Any:
    """The seconds of the first step; some more are taken, so that later ones are known to run too."""
    training = Timed(case, device, compile=True, precision=precision)
    seconds = training.seconds(1)
    training.take(NUM_STEPS)
    training.wait()
    return seconds
