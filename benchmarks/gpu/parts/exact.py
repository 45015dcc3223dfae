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

from benchmarks.gpu.runner import Child, Keep, in_child
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
    modes: dict[str, dict[str, Any]] = {"eager": {"graph": "off"}}
    if sizes.device == "cuda":
        modes["graph"] = {"graph": "on"}
    for mode, compute in modes.items():
        cases = [
            Case(family, family, sizes.exact_resolution, sizes.exact_width, BATCH, sizes.exact_steps, True)
            for family in sizes.families
        ]
        with tempfile.TemporaryDirectory() as folder:
            check_families(cases, sizes, mode, compute, folder, keep)
    keep("cost of determinism", in_child(determinism_cost, sizes, seconds=CHILD_SECONDS * sizes.patience))


def check_families(
    cases: list[Case], sizes: Sizes, mode: str, compute: dict[str, Any], folder: str, keep: Keep
) -> None:
    """Train each family whole and to its death, all beside each other; then resume those that were killed."""
    seconds = CHILD_SECONDS * sizes.patience
    starts = {
        case.name: (
            Child(trained, case, f"{folder}/{case.name}-whole", sizes.device, compute, None),
            Child(trained, case, f"{folder}/{case.name}-parts", sizes.device, compute, case.steps - 1),
        )
        for case in cases
    }
    ends, failures = {}, {}
    for name, children in starts.items():
        try:
            ends[name] = [child.result(seconds) for child in children]
        except RuntimeError as error:
            failures[name] = str(error)
    resumed = {
        case.name: Child(trained, case, f"{folder}/{case.name}-parts", sizes.device, compute, None)
        for case in cases
        if case.name in ends
    }
    for name, child in resumed.items():
        whole, killed = ends[name]
        try:
            same = child.result(seconds)["sha256"] == whole["sha256"]
            keep(f"{name}, {mode}", {"was_killed": killed is None, "same_bits": same})
        except RuntimeError as error:
            failures[name] = str(error)
    for name, failure in failures.items():
        keep(f"{name}, {mode}", {"failed": failure})


def determinism_cost(sizes: Sizes) -> dict[str, float]:
    """Images per second with and without deterministic algorithms, eager."""
    case, found = sizes.deterministic, {}
    for name, is_on in (("deterministic", True), ("free", False)):
        training = Timed(case, sizes.device, graph="off")
        torch.use_deterministic_algorithms(is_on)
        training.take(sizes.warm_up)
        found[name] = case.batch * case.steps / training.seconds(case.steps)
    return found
