"""Scores of a checkpoint's generator, or of any images, against the val split of a dataset version."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.collections.cache import CACHE
from models.compute.device import select_device
from models.features.cache import reference_features
from models.features.nets import load_feature_net
from models.grids import to_uint8
from models.metrics.config import EvalConfig
from models.metrics.evaluation import Judge, evaluate
from models.metrics.protocol import Protocol
from models.networks.families import NetworkSpec
from models.training.checkpoints import load_checkpoint
from shards import Dataset

MOST_IMAGES = 2000  # that `generated` makes; a protocol with fewer scores the first ones


def score_checkpoint(path: Path, spec: NetworkSpec, dataset: Dataset, config: EvalConfig) -> dict[str, Any]:
    """Images seen, and the scores of the averaged generator in the checkpoint at `path`."""
    checkpoint = load_checkpoint(path)
    generator = spec.build_networks()["generator"].to(select_device(config.device))
    generator.load_state_dict(checkpoint.part("ema"))
    labels = dataset.open_split("val").labels
    images = generated(generator.eval(), labels, config.seed)
    return {"nimg": checkpoint.nimg, **score_images(images, dataset, config)}


def score_images(images: Iterable[torch.Tensor], dataset: Dataset, config: EvalConfig) -> dict[str, Any]:
    """Scores of uint8 NCHW batches against the val split, of every judge, with 95 % intervals and the protocol."""
    val = dataset.open_split("val")
    names = [name for name in (config.feature_net, config.second) if name]
    nets = [load_feature_net(name, config.input_size, select_device(config.device)) for name in names]
    key = f"{val.manifest.version} val {len(val)}"
    first, *others = [Judge(net, reference_features(val.images, net, CACHE / "features", key)) for net in nets]
    second = others[0] if others else None
    protocol = Protocol.of(
        config,
        first.net,
        second=second.net if second else None,
        dataset=val.manifest.dataset,
        dataset_version=val.manifest.version,
        num_reference=len(val),
    )
    scores = evaluate(images, first.reference, config, first.net, protocol, second=second).scores
    print({name: round(value, 3) for name, value in scores.values.items()}, flush=True)
    return {"scores": scores.values, "intervals": scores.intervals, "protocol": protocol.model_dump(mode="json")}


@torch.no_grad()
def generated(generator: torch.nn.Module, labels: np.ndarray, seed: int) -> Iterator[torch.Tensor]:
    """uint8 batches whose classes come in the shares of `labels`."""
    numbers = torch.Generator().manual_seed(seed)
    device = next(generator.parameters()).device
    classes = torch.from_numpy(np.random.default_rng(seed).choice(labels, MOST_IMAGES))
    for part in classes.split(250):
        z = torch.randn(len(part), int(generator.latent_dim), generator=numbers)  # type: ignore[arg-type]
        yield to_uint8(generator(z.to(device), part.to(device)))
