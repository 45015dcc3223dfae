"""A step that does not fit the GPU's memory ends in an error that says what to set, and a smaller one then fits."""

import torch

from benchmarks.gpu.runner import Keep
from benchmarks.gpu.sizes import Case, Sizes
from benchmarks.gpu.trainings import Timed, device_of
from models.compute.device import memory_errors
from models.errors import OutOfMemoryError

ALLOWED = 0.03  # share of the card's memory for this process
TOO_LARGE, FITS = 4096, 8


def measure(sizes: Sizes, keep: Keep) -> None:
    """Keep the message of the error, and whether a training with fewer images at once works in the same process."""
    if sizes.device == "cpu":
        keep("message", message_on_cpu())
        return
    torch.cuda.set_per_process_memory_fraction(ALLOWED, device_of(sizes.device))
    case = Case("too large", "dcgan", 64, 64, TOO_LARGE, 1, True)
    message = ""
    try:
        with memory_errors(TOO_LARGE):
            Timed(case, sizes.device).seconds(1)
    except OutOfMemoryError as error:
        message = str(error)
    if not message:
        raise RuntimeError(f"{TOO_LARGE} images at once fit {ALLOWED:.0%} of the memory: expected an error")
    torch.cuda.empty_cache()
    keep("message", message)
    keep("smaller_fits", Timed(case._replace(batch=FITS), sizes.device).seconds(1) > 0)


def message_on_cpu() -> str:
    try:
        with memory_errors(TOO_LARGE):
            torch.empty(1 << 60, dtype=torch.uint8)
    except OutOfMemoryError as error:
        return str(error)
    raise RuntimeError("an exabyte was allocated")
