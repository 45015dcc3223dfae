"""A training that is killed (SIGKILL) and resumed ends in the bits of one that was not; and what determinism costs."""

import hashlib
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.runner import Keep, in_child
from benchmarks.gpu.sizes import Case, Sizes
from benchmarks.gpu.trainings import Timed, device_of, noise, settings, spec_of
from models.training.checkpoints import CheckpointStore
from models.training.io import RecordingIO, TrainingInputs
from models.training.loop import train

BATCH = 8
CHILD_SECONDS = 25.0


class DyingIO(RecordingIO):
    """Kills the process before one of the steps."""

    def __init__(self, dies_at: int | None) -> None:
        super().__init__()
        self.left = dies_at

    def should_stop(self) -> bool:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return False


def batches(case: Case, nimg: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches that depend on the position alone."""
    while True:
        yield noise(case, nimg)
        nimg += case.batch


def trained(case: Case, folder: str, device: str, compute: dict[str, Any], dies_at: int | None) -> dict[str, Any]:
    """Train to the end in `folder`; returns the sha256 of the whole state, and the losses of the last tick.

    A checkpoint is written every two steps.
    """
    update = {"nimg": BATCH * case.steps, "tick_nimg": BATCH * 2, "checkpoint_ticks": 1, "snapshot_ticks": 100}
    config = settings(case, device, **compute).model_copy(update=update)
    io = DyingIO(dies_at)
    inputs = TrainingInputs(lambda nimg: batches(case, nimg))
    state = train(config, spec_of(case), inputs, CheckpointStore(Path(folder)), io, device=device_of(device))
    digest = hashlib.sha256()
    for name, tensor in sorted(state.tensors().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    row = io.rows[-1]
    return {"sha256": digest.hexdigest(), **{name: row[name] for name in row if name.startswith("loss_")}}


def measure(sizes: Sizes, keep: Keep) -> None:
    """Keep whether the bits are equal for each family, in bf16 on a GPU, and recorded; then the cost of determinism."""
    modes: dict[str, dict[str, Any]] = {"eager": {}}
    if sizes.device == "cuda":
        modes["graph"] = {"graph": True}
    for family in sizes.families:
        case = Case(family, family, sizes.exact_resolution, sizes.exact_width, BATCH, sizes.exact_steps, True)
        for mode, compute in modes.items():
            try:
                keep(f"{family}, {mode}", is_exact(case, sizes, compute))
            except RuntimeError as error:
                keep(f"{family}, {mode}", {"failed": str(error)})
    keep("cost of determinism", in_child(determinism_cost, sizes, seconds=CHILD_SECONDS * sizes.patience))


def is_exact(case: Case, sizes: Sizes, compute: dict[str, Any]) -> dict[str, Any]:
    seconds = CHILD_SECONDS * sizes.patience
    with tempfile.TemporaryDirectory() as folder:
        whole, parts = f"{folder}/whole", f"{folder}/parts"
        first = in_child(trained, case, whole, sizes.device, compute, None, seconds=seconds)
        killed = in_child(trained, case, parts, sizes.device, compute, case.steps - 1, seconds=seconds)
        resumed = in_child(trained, case, parts, sizes.device, compute, None, seconds=seconds)
    return {"was_killed": killed is None, "same_bits": first["sha256"] == resumed["sha256"]}


def determinism_cost(sizes: Sizes) -> dict[str, float]:
    """Images per second with and without deterministic algorithms, eager."""
    case, found = sizes.deterministic, {}
    for name, is_on in (("deterministic", True), ("free", False)):
        training = Timed(case, sizes.device)
        torch.use_deterministic_algorithms(is_on)
        training.take(sizes.warm_up)
        found[name] = case.batch * case.steps / training.seconds(case.steps)
    return found
