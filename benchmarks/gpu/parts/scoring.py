"""The time in which images are generated and scored with EfficientNet-Lite0: features, then the distances."""

import time
from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.gpu.runner import Keep
from benchmarks.gpu.sizes import Sizes
from benchmarks.gpu.trainings import CLASSES, device_of
from models.compute.config import ComputeConfig
from models.compute.device import prepare
from models.features.feature_net import compute_features
from models.features.nets import load_feature_net
from models.grids import to_uint8
from models.metrics.scores import score_features
from models.networks.families import NetworkSpec


@torch.no_grad()
def generated(sizes: Sizes, device: torch.device) -> Iterator[torch.Tensor]:
    """Batches of uint8 images of an untrained dcgan, on the device."""
    spec = NetworkSpec(
        family="dcgan",
        resolution=sizes.score_resolution,
        channels=3,
        num_classes=CLASSES,
        latent_dim=64,
        width=sizes.score_width,
    )
    generator = spec.build_networks()["generator"].to(device).eval()
    for start in range(0, sizes.num_scored, sizes.score_batch):
        count = min(sizes.score_batch, sizes.num_scored - start)
        z = torch.randn(count, 64, device=device)
        yield to_uint8(generator(z, torch.arange(count, device=device) % CLASSES))


def measure(sizes: Sizes, keep: Keep) -> None:
    """Keep the seconds of making the images and their features, and of the scores."""
    device = device_of(sizes.device)
    prepare(ComputeConfig(threads=1 if sizes.is_smoke else 0), device)
    net = load_feature_net("efficientnet-lite0", sizes.net_input, device)
    began = time.perf_counter()
    features = compute_features(generated(sizes, device), net, sizes.score_batch, sizes.num_scored)
    made = time.perf_counter() - began
    keep("images", len(features))
    keep("features_seconds", made)
    real = np.random.default_rng(0).permuted(features, axis=0)
    began = time.perf_counter()
    measured = score_features(features, real, net.label, seed=0, device=device)
    scored = time.perf_counter() - began
    keep("scores_seconds", scored)
    keep("scores", sorted(measured.scores))
    keep("seconds", made + scored)
