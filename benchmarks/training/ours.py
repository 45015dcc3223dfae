"""Our loop, its average included: `[torchrun] -m benchmarks.training.ours FAMILY WIDTH BATCH STEPS MANIFEST`.

Prints one JSON object: images a second and the share of time spent waiting for data.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from models.compute.config import ComputeConfig
from models.compute.device import select_device
from models.compute.parallel import World
from models.networks.families import NetworkSpec
from models.training.checkpoints import CheckpointStore
from models.training.config import TrainConfig
from models.training.io import Batches, RecordingIO, TrainingInputs
from models.training.loop import train
from shards import Dataset

WARM_UP = 3


def main(family: str, width: int, batch: int, steps: int, manifest_uri: str) -> None:
    """Take the steps in two ticks, of which the first warms up."""
    dataset = Dataset.open(manifest_uri)
    split = dataset.open_split("train")
    config = TrainConfig.model_validate(
        {
            "family": family,
            "width": width,
            "latent_dim": 64,
            "batch_size": batch,
            "nimg": batch * (steps + WARM_UP),
            "tick_nimg": batch * WARM_UP,
            "checkpoint_ticks": 10_000,
            "snapshot_ticks": 10_000,
            "augment": {"policy": "fixed", "translation": 0.0, "scale": 0.0, "colour": 0.0, "cutout": 0.0},
            "compute": ComputeConfig(compile=True),
        }
    )
    spec = NetworkSpec(
        family=family, resolution=64, channels=3, num_classes=len(dataset.labels), latent_dim=64, width=width
    )
    device = select_device(config.compute.device, int(os.environ.get("LOCAL_RANK", "0")))
    world = World.join(device)

    def open_batches(nimg: int) -> Batches:
        return split.batches(batch, seed=0, start_nimg=nimg, rank=world.rank, world_size=world.size)

    io = RecordingIO()
    with tempfile.TemporaryDirectory() as folder:
        store = CheckpointStore(Path(folder))
        train(config, spec, TrainingInputs(open_batches), store, io, world=world, device=device)
    if world.is_main:
        warm = io.rows[1:]
        seconds = sum(batch * WARM_UP / row["images_per_second"] for row in warm)
        waited = sum(row["data_share"] * batch * WARM_UP / row["images_per_second"] for row in warm)
        print(json.dumps({"images_per_second": batch * WARM_UP * len(warm) / seconds, "data_share": waited / seconds}))
    world.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
