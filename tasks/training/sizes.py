"""The size of a run, described in sentences."""

from models.compute.device import num_processes
from models.training.estimates import estimate
from tasks.trainer.run_directory import RunConfig


def describe_sizes(run: RunConfig) -> list[str]:
    """Describe the parameters, steps, memory, checkpoints and disk space of a run that has not begun."""
    sizes = estimate(run.train, run.network, processes := num_processes(run.train.compute))
    networks = ", ".join(f"{role} {count:,}" for role, count in sizes.parameters.items())
    keep = min(run.train.keep_checkpoints, sizes.num_checkpoints)
    disk = format_bytes(keep * sizes.checkpoint_bytes)
    return [
        f"parameters: {networks}",
        f"{sizes.num_steps:,} steps of {run.train.batch_size} images in {processes} process(es), each with about "
        f"{format_bytes(sizes.memory_bytes)} of memory for networks and feature maps",
        f"{sizes.num_checkpoints} checkpoints of {format_bytes(sizes.checkpoint_bytes)}, {keep} kept: {disk} of disk",
    ]


def format_bytes(count: float) -> str:
    """Format a number of bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"
