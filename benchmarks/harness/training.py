"""A training to its end, without Prefect or MLflow around it; it goes on where it was stopped."""

import json
import time
from pathlib import Path

from models.compression.robust import Codecs
from models.grids import real_grid
from models.networks.families import NetworkSpec
from models.training.checkpoints import CheckpointStore
from models.training.config import TrainConfig
from models.training.io import RecordingIO, TrainingInputs
from models.training.loop import train
from shards import Dataset, Manifest


def network(config: TrainConfig, dataset: Dataset) -> NetworkSpec:
    """The networks that `config` asks for on a dataset."""
    return network_of(config, dataset.manifest)


def network_of(config: TrainConfig, manifest: Manifest) -> NetworkSpec:
    """The networks that `config` asks for on a dataset with this manifest."""
    return NetworkSpec(
        family=config.family,
        resolution=manifest.resolution,
        channels=manifest.channels,
        num_classes=len(manifest.labels) if config.conditional else 0,
        latent_dim=config.latent_dim,
        width=config.width,
    )


def train_one(
    config: TrainConfig, spec: NetworkSpec, dataset: Dataset, folder: Path, codecs: Codecs | None = None
) -> float:
    """Train to the end; returns the seconds that it took in all, over every time it was started."""
    split = dataset.open_split("train")
    (folder / "samples" / "real.png").write_bytes(real_grid(split.images, split.labels, spec.num_classes))
    spent = folder / "seconds"
    began = time.monotonic() - (float(spent.read_text()) if spent.exists() else 0.0)

    class FolderIO(RecordingIO):
        """Prints each tick, and keeps ticks and pictures in `folder`."""

        def report(self, row: dict[str, float]) -> None:
            print(folder.name, {name: round(value, 3) for name, value in row.items()}, flush=True)
            with (folder / "stats.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
            spent.write_text(str(time.monotonic() - began))

        def snapshot(self, nimg: int, png: bytes) -> None:
            self.picture(f"{nimg:012d}", png)

        def picture(self, name: str, png: bytes) -> None:
            (folder / "samples" / f"{name}.png").write_bytes(png)

    inputs = TrainingInputs(
        lambda nimg: split.batches(config.batch_size, seed=config.seed, start_nimg=nimg), codecs=codecs
    )
    store = CheckpointStore(folder / "checkpoints", config.keep_checkpoints)
    train(config, spec, inputs, store, FolderIO())
    return float(spent.read_text())
