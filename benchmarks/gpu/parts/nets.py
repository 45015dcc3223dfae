"""Feature nets and distances on the GPU give the numbers of the CPU."""

import numpy as np
import torch

from benchmarks.gpu.runner import Keep
from benchmarks.gpu.sizes import Sizes
from benchmarks.gpu.trainings import device_of
from models.features.feature_net import compute_features
from models.features.nets import load_feature_net
from models.metrics.scores import score_features

FEATURE_TOLERANCE = 1e-3  # of the largest feature; float32 sums in another order
SCORE_TOLERANCE = 5e-3  # relative


def measure(sizes: Sizes, keep: Keep) -> None:
    """Keep the largest differences. Raises RuntimeError where one is above its tolerance."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (2 * sizes.num_compared, 3, 8, 8), dtype=np.uint8)
    images = coarse.repeat(8, axis=2).repeat(8, axis=3)
    features, scores = {}, {}
    for name in ("cpu", sizes.device):
        net = load_feature_net("efficientnet-lite0", sizes.net_input, device_of(name))
        features[name] = compute_features(images, net)
        halves = np.split(features[name], 2)
        measured = score_features(*halves, net.label, seed=0, device=torch.device(name))
        scores[name] = {key: score.value for key, score in measured.scores.items()}
    ours, theirs = features[sizes.device], features["cpu"]
    difference = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    keep("feature_difference", difference)
    keep("feature_tolerance", FEATURE_TOLERANCE)
    pairs = [(scores[sizes.device][key], value) for key, value in scores["cpu"].items()]
    worst = max(abs(one - other) / max(abs(other), 1e-3) for one, other in pairs)
    keep("score_difference", worst)
    keep("score_tolerance", SCORE_TOLERANCE)
    if difference > FEATURE_TOLERANCE or worst > SCORE_TOLERANCE:
        raise RuntimeError(f"features differ by {difference:.2g} and scores by {worst:.2g} between CPU and GPU")
