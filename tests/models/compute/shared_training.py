"""Train every family for a few steps and keep the end: `torchrun -m ... FOLDER` or alone, with the same result."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from models.compression.robust import Codecs
from models.compute.config import ComputeConfig
from models.compute.parallel import World
from models.networks.families import FAMILIES, NetworkSpec
from models.training.checkpoints import CheckpointStore
from models.training.config import TrainConfig
from models.training.io import RecordingIO, TrainingInputs
from models.training.loop import train

BATCH = 8
# The settings of each training, by name.
TRAININGS: dict[str, dict[str, Any]] = {
    **{family: {"family": family} for family in FAMILIES},
    "r3-known": {"family": "r3", "compression": "known"},
    "r3-differences": {"family": "r3", "penalty": {"method": "differences", "every": 2}},
    "dcgan-learned": {"family": "dcgan", "compression": "learned"},
}
CODECS = Codecs(np.stack([np.full((3, 8, 8), step) for step in (5, 40)]), np.array([[1, 1], [1, 1]]), np.array([1, 1]))
SETTINGS = {
    "nimg": 64,
    "batch_size": BATCH,
    "tick_nimg": 32,
    "checkpoint_ticks": 100,
    "compute": ComputeConfig(device="cpu", threads=1),
    "augment": {"policy": "adaptive", "adapt_nimg": 100, "target": 0.0, "colour": 0.5, "cutout": 0.3},
}
# The hinge's gradients are constants, many of which cancel: rounding decides the sign of what is left, and with a beta1
# of 0 Adam makes whole steps of it. The differences grow from step to step, so few steps are compared.
FEW_STEPS = {"nimg": 24, "tick_nimg": 12}


def batches(start_nimg: int, world: World) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    share = BATCH // world.size
    rows = slice(world.rank * share, (world.rank + 1) * share)
    for nimg in range(start_nimg, 10**9, BATCH):
        rng = np.random.default_rng(nimg)
        images, labels = rng.integers(0, 256, (BATCH, 1, 16, 16), dtype=np.uint8), rng.integers(0, 2, BATCH)
        yield images[rows], labels[rows]


def main(folder: Path) -> None:
    world = World.join(torch.device("cpu"))
    rows: list[dict[str, object]] = []
    assert world.is_same(7)
    assert world.is_same(world.rank) == (world.size == 1)
    for name, settings in TRAININGS.items():
        family = settings["family"]
        spec = NetworkSpec(family=family, resolution=16, channels=1, num_classes=2, latent_dim=4, width=8)
        few = FEW_STEPS if family == "projected" else {}
        store = CheckpointStore(folder / f"{name}-{world.rank}")
        config = TrainConfig.model_validate({**settings, **SETTINGS, **few})
        inputs, io = TrainingInputs(lambda nimg: batches(nimg, world), codecs=CODECS), RecordingIO()
        state = train(config, spec, inputs, store, io, world=world)
        rows += [{"family": family, **row} for row in io.rows]
        save_file({key: value.clone() for key, value in state.tensors().items()}, folder / f"{name}-{world.rank}.st")
    if world.is_main:
        (folder / "rows.json").write_text(json.dumps(rows))
    world.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
