"""torch.compile of every family: that it runs, what the first step takes, and what the cache saves the next time."""

import os
import tempfile
from collections.abc import Iterator
from typing import Any

from benchmarks.gpu.runner import Child, Keep
from benchmarks.gpu.sizes import Case, Sizes
from benchmarks.gpu.trainings import Timed
from models.compute.compilation import CACHE

BATCH, NUM_STEPS = 8, 3
CHILD_SECONDS = 100.0


def measure(sizes: Sizes, keep: Keep) -> None:
    """Keep the seconds of the first step with an empty cache, and of another process with the cache of the first.

    All families are compiled at the same time, beside each other: most of it is work of the processor.
    """
    seconds = CHILD_SECONDS * sizes.patience
    cases = {f"{family}, {precision}": (family, precision) for family, precision in compiled_ones(sizes)}
    found: dict[str, dict[str, Any]] = {name: {} for name in cases}
    with tempfile.TemporaryDirectory() as folder:
        for figure in ("first_step_seconds", "with_cache_seconds"):
            children = {}
            for name, (family, precision) in cases.items():
                os.environ[CACHE] = f"{folder}/{family}-{precision}"
                case = Case(family, family, sizes.exact_resolution, sizes.exact_width, BATCH, NUM_STEPS, True)
                children[name] = Child(first_step, case, sizes.device, precision)
            for name, child in children.items():
                try:
                    found[name][figure] = child.result(seconds)
                except RuntimeError as error:
                    found[name]["failed"] = str(error)
                keep(name, found[name])


def compiled_ones(sizes: Sizes) -> Iterator[tuple[str, str]]:
    """Each family with a precision: dcgan in each, the others in the first."""
    for family in sizes.families:
        for precision in sizes.precisions if family == "dcgan" else sizes.precisions[:1]:
            yield family, precision


def first_step(case: Case, device: str, precision: str) -> Any:
    """The seconds of the first step; some more are taken, so that later ones are known to run too."""
    training = Timed(case, device, compile=True, graph="off", precision=precision)
    seconds = training.seconds(1)
    training.take(NUM_STEPS)
    training.wait()
    return seconds
