"""The quick score of one checkpoint: `python -m tasks.trainer.scoring.scorer RUN_DIR NIMG` prints it as a line of JSON.

The trainer starts it (tasks/trainer/scoring/child.py), and it dies with the trainer. It runs beside the trainer at low
priority, and on one CPU thread if there is no GPU. Like tasks/trainer/worker.py it combines shards and models. It
imports neither Prefect nor MLflow.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.compute.device import prepare, select_device
from models.features.cache import reference_features
from models.features.feature_net import FeatureNet, compute_features
from models.features.nets import load_feature_net
from models.grids import to_uint8
from models.metrics.config import EvalConfig
from models.metrics.distances import frechet_distance
from models.metrics.diversity import measure_diversity
from models.metrics.protocol import Protocol
from models.training.checkpoints import CheckpointStore, load_checkpoint
from models.training.health_config import SCORE_NET
from models.training.loop import TrainConfig
from shards import Dataset
from shards.processes.lifetime import die_with_parent
from tasks.home import home
from tasks.trainer.pictures import count_reference, real_images, real_labels, reference_key, request_rows
from tasks.trainer.run_directory import RunConfig, RunDirectory
from tasks.trainer.worker import find_supervisor

NICENESS = 10
IMAGES_A_BATCH = 50


def main(path: Path, nimg: int) -> None:
    """Score the averaged generator of the run's checkpoint at `nimg`."""
    run = RunDirectory(path)
    config = run.config()
    eval_config = quick_config(config.train)
    device = select_device(eval_config.device)
    prepare(config.train.compute.model_copy(update={"threads": 1}), device)
    net = load_feature_net(eval_config.feature_net, eval_config.input_size, device)
    print(json.dumps(score(config, run, nimg, eval_config, net, device)), flush=True)


def quick_config(train: TrainConfig) -> EvalConfig:
    """Return the settings of a score on few images. Its Fréchet distance and its diversity are used."""
    health = train.health
    return EvalConfig(
        feature_net=SCORE_NET,
        num_images=health.score_images,
        input_size=health.score_input_size,
        num_train=0,
        device=train.compute.device,
    )


def score(
    config: RunConfig, run: RunDirectory, nimg: int, eval_config: EvalConfig, net: FeatureNet, device: torch.device
) -> dict[str, Any]:
    """Return one line of scores.jsonl: images seen, name, value, diversity, and the protocol with its digest."""
    dataset = Dataset.open(config.manifest)
    manifest, num_reference = dataset.manifest, count_reference(dataset, eval_config)
    reference = reference_features(
        real_images(dataset, num_reference),
        net,
        home().features,
        reference_key(dataset, eval_config),
        eval_config.batch_size,
    )
    rows = request_rows(dataset, eval_config)
    generated = compute_features(generate(config, run, nimg, rows, device), net, eval_config.batch_size)
    protocol = Protocol.of(
        eval_config, net, dataset=manifest.dataset, dataset_version=manifest.version, num_reference=num_reference
    )
    labels = classes_of(rows, dataset, eval_config) if config.network.num_classes else None
    diversity = measure_diversity(generated, reference, labels)
    return {
        "nimg": nimg,
        "name": f"FD-{net.label}",
        "value": frechet_distance(generated, reference),
        "diversity": diversity.as_row() if diversity else None,
        "digest": protocol.digest(),
        "protocol": protocol.model_dump(),
    }


def classes_of(rows: list[dict[str, int]], dataset: Dataset, config: EvalConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes of the generated images and of the real images, in the order of their features."""
    generated = np.repeat([row["label"] for row in rows], [row["num_images"] for row in rows])
    return generated, real_labels(dataset, config)


@torch.no_grad()
def generate(
    config: RunConfig, run: RunDirectory, nimg: int, rows: list[dict[str, int]], device: torch.device
) -> Iterator[torch.Tensor]:
    """Yield uint8 batches of the checkpoint's images. The classes have the same shares as in the val split."""
    checkpoint = load_checkpoint(CheckpointStore(run.checkpoints).path(nimg))
    network = config.network.build_networks()["generator"]
    network.load_state_dict(checkpoint.part("ema"))
    network.eval().to(device)
    for row in rows:
        drawn = torch.Generator().manual_seed(row["seed"])
        all_latents = torch.randn(row["num_images"], config.network.latent_dim, generator=drawn)
        for latents in torch.split(all_latents, IMAGES_A_BATCH):
            labels = torch.full((len(latents),), max(row["label"], 0), device=device)
            yield to_uint8(network(latents.to(device), labels if config.network.num_classes else None))


if __name__ == "__main__":
    die_with_parent(parent=find_supervisor())
    os.nice(NICENESS)
    main(Path(sys.argv[1]), int(sys.argv[2]))
