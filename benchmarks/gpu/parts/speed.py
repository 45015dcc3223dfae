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
    """Every variant of every case of dcgan: all cases in one variant before the next, for the time may end."""
    measure_variants(sizes.dcgan, sizes.variants, sizes, keep)


def measure_projected(sizes: Sizes, keep: Keep) -> None:
    """Every case of projected, without compilation."""
    variants = {name: compute for name, compute in sizes.variants.items() if not compute.get("compile")}
    measure_variants(sizes.projected, variants, sizes, keep)


def measure_variants(
    cases: tuple[Case, ...], variants: dict[str, Any], sizes: Sizes, keep: Keep
) -> dict[str, dict[str, Any]]:
    """Keep and return the figures of each variant of each case."""
    found: dict[str, dict[str, Any]] = {case.name: {} for case in cases}
    for name, compute in variants.items():
        for case in cases:
            found[case.name][name] = speed(case, sizes, {"compute": compute})
            keep(case.name, found[case.name])
    return found


def measure_r3(sizes: Sizes, keep: Keep) -> None:
    """r3 with exact penalties, which compiled code does not support, then the first case with other penalties."""
    variants = {name: compute for name, compute in sizes.variants.items() if not compute.get("compile")}
    found = measure_variants(sizes.r3, variants, sizes, keep)
    case = sizes.r3[0]
    for name, others in sizes.penalties.items():
        found[case.name][name] = speed(case, sizes, others)
        keep(case.name, found[case.name])


def speed(case: Case, sizes: Sizes, others: dict[str, Any]) -> dict[str, Any]:
    """The figures of one training with these settings of train; `failed` says why there are none."""
    if sizes.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    try:
        training = Timed(case, sizes.device, others)
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
