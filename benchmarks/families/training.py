"""One training of the comparison, and its scores at every checkpoint, without Prefect or MLflow around it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.families.contenders import Contender
from models.compression.robust import Codecs
from models.compute.draws import mixed_seed
from models.features.cache import reference_features
from models.features.nets import load_feature_net
from models.grids import real_grid, to_uint8
from models.metrics.config import EvalConfig
from models.metrics.evaluation import evaluate
from models.metrics.protocol import Protocol
from models.networks.families import NetworkSpec
from models.training.checkpoints import CheckpointStore, load_checkpoint
from models.training.config import TrainConfig
from models.training.io import RecordingIO, TrainingInputs
from models.training.loop import train
from shards import Manifest, load_manifest, load_split

PROTOCOL = EvalConfig(num_images=2000, input_size=112)
CACHE = Path(".cache/bench/families")


def run(contender: Contender, manifest_uri: str) -> dict[str, Any]:
    """Train and score, or go on where it was left; what came out is kept as result.json in the run's folder."""
    manifest = load_manifest(manifest_uri)
    folder = CACHE / f"{contender.slug}-{mixed_seed(*contender.config.model_dump_json().encode()):016x}"
    if (folder / "result.json").exists():
        result: dict[str, Any] = json.loads((folder / "result.json").read_text())
        return result
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    spec = network(contender.config, manifest)
    seconds = train_one(contender.config, spec, manifest_uri, folder)
    curve = [score(path, spec, manifest_uri, manifest) for path in CheckpointStore(folder / "checkpoints").committed()]
    generator = spec.build_networks()["generator"]
    result = {
        "collection": contender.collection,
        "name": contender.name,
        "nimg": contender.config.nimg,
        "images_per_second": contender.config.nimg / seconds,
        "parameters": sum(parameter.numel() for parameter in generator.parameters()),
        "curve": curve,
        "config": contender.config.model_dump(mode="json"),
    }
    (folder / "result.json").write_text(json.dumps(result, indent=1))
    return result


def network(config: TrainConfig, manifest: Manifest) -> NetworkSpec:
    """The conditional networks that `config` asks for."""
    return NetworkSpec(
        family=config.family,
        resolution=manifest.resolution,
        channels=manifest.channels,
        num_classes=len(manifest.labels),
        latent_dim=config.latent_dim,
        width=config.width,
    )


def train_one(
    config: TrainConfig, spec: NetworkSpec, manifest_uri: str, folder: Path, codecs: Codecs | None = None
) -> float:
    """Train to the end; returns the seconds that all of it took, over all sittings."""
    split = load_split(manifest_uri, "train")
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


def score(path: Path, spec: NetworkSpec, manifest_uri: str, manifest: Manifest) -> dict[str, Any]:
    """Scores of the averaged generator in the checkpoint at `path`, with 95 % intervals."""
    checkpoint = load_checkpoint(path)
    generator = spec.build_networks()["generator"]
    generator.load_state_dict(checkpoint.part("ema"))
    net = load_feature_net(PROTOCOL.feature_net, PROTOCOL.input_size, "cpu")
    val = load_split(manifest_uri, "val")
    reference = reference_features(val.images, net, CACHE / "features", f"{manifest.version} val {len(val)}")
    protocol = Protocol.of(
        PROTOCOL,
        net,
        dataset=manifest.dataset,
        dataset_version=manifest.version,
        num_reference=len(val),
    )
    scores = evaluate(generated(generator.eval(), val.labels), reference, PROTOCOL, net, protocol).scores
    print(path, {name: round(value, 3) for name, value in scores.values.items()}, flush=True)
    return {"nimg": checkpoint.nimg, "scores": scores.values, "intervals": scores.intervals}


@torch.no_grad()
def generated(generator: torch.nn.Module, labels: np.ndarray) -> Iterator[torch.Tensor]:
    """uint8 images whose classes come in the shares of `labels`."""
    numbers = torch.Generator().manual_seed(PROTOCOL.seed)
    classes = torch.from_numpy(np.random.default_rng(PROTOCOL.seed).choice(labels, PROTOCOL.num_images))
    for part in classes.split(250):
        z = torch.randn(len(part), int(generator.latent_dim), generator=numbers)  # type: ignore[arg-type]
        yield to_uint8(generator(z, part))
