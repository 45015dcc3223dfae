"""Images per second of training, and what the GPU does meanwhile."""

from contextlib import suppress
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.runner import Keep
from benchmarks.gpu.sizes import Case, Sizes
from benchmarks.gpu.trainings import Timed, spec_of
from models.compute.metering.peaks import find_peak
from models.training.estimates import count_flops

PROFILED = 3  # steps
# What the host calls: a replayed graph calls none of them.
CONVOLUTIONS = ("aten::cudnn_convolution", "aten::cudnn_convolution_transpose", "aten::convolution_backward")
COUNTED = 4  # images of the step whose operations are counted


def measure_dcgan(sizes: Sizes, keep: Keep) -> None:
    """Every variant of every case of dcgan."""
    for case in sizes.dcgan:
        keep(case.name, {name: speed(case, sizes, compute) for name, compute in sizes.variants.items()})


def measure_r3(sizes: Sizes, keep: Keep) -> None:
    """r3 without compilation and recording: its convolutions are long enough."""
    for case in sizes.r3:
        keep(case.name, {"eager": speed(case, sizes, {})})


def speed(case: Case, sizes: Sizes, compute: dict[str, Any]) -> dict[str, Any]:
    """The figures of one training; `failed` says why there are none."""
    try:
        training = Timed(case, sizes.device, **compute)
        first = training.seconds(1)
        training.take(sizes.warm_up - 1)
        seconds = training.seconds(case.steps)
        row: dict[str, Any] = {
            "images_per_second": case.batch * case.steps / seconds,
            "step_ms": 1e3 * seconds / case.steps,
            "first_step_seconds": first,
        }
        if training.device.type == "cuda":
            row |= watch(training)
            row["peak_memory_bytes"] = torch.cuda.max_memory_allocated(training.device)
            row["watts"] = watts(training.device)
        row |= utilisation(training, row["images_per_second"])
    except Exception as error:  # one variant that fails must not hide the others
        return {"failed": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    finally:
        if sizes.device == "cuda":
            torch.cuda.empty_cache()
    return row


def watch(training: Timed) -> dict[str, float]:
    """Share of the time in which kernels run, kernels of a step, and convolutions of a step."""
    seconds = training.seconds(PROFILED)  # without the profiler, which slows the host down
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        training.seconds(PROFILED)
    events = profiler.events()
    kernels = [event for event in events if event.device_type == torch.autograd.DeviceType.CUDA]
    busy = sum(event.time_range.elapsed_us() for event in kernels) / 1e6  # of one stream, so they do not overlap
    convolutions = sum(event.name in CONVOLUTIONS for event in events)
    return {
        "busy": min(1.0, busy / seconds),
        "kernels": len(kernels) / PROFILED,
        "convolutions": convolutions / PROFILED,
    }


def watts(device: torch.device) -> float | None:
    """The card's power draw right after work; None without NVML."""
    with suppress(Exception):  # the library is optional, and some containers do not allow it
        return torch.cuda.power_draw(device) / 1000
    return None


def utilisation(training: Timed, images_per_second: float) -> dict[str, float]:
    """Model FLOPs of an image, and the share of the card's peak in bf16 if that is known."""
    per_image = count_flops(training.config.model_copy(update={"batch_size": COUNTED}), spec_of(training.case))
    found = {"flop_per_image": per_image}
    if training.device.type == "cuda":
        peak = find_peak(torch.cuda.get_device_name(training.device), "bf16")
        found |= {"mfu": per_image * images_per_second / peak} if peak else {}
    return found
