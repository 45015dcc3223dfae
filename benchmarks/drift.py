"""How far new images lie from known ones, relative to chance: `python -m benchmarks.drift`.

Handwritten digits of the same kind and of others are compared with 1,000 known digits as `shardgan drift` does, for
several numbers of new files. Writes benchmarks/results/drift.md.
"""

import io

import numpy as np
import torch
from PIL import Image

from benchmarks.collections.digits import load_digits
from benchmarks.harness.page import table, write_page
from models.features.feature_net import FeatureNet, compute_features
from models.features.nets import load_feature_net
from models.metrics.drift import feature_drift

KNOWN, FRESH, SIZE = 1000, 600, 32
COUNTS = (20, 50, 100, 300)
TRIALS = 50
ABOUT = f"""Each cell is the ratio that `drift.ratio` limits: the distance of the new images from {KNOWN:,} known
digits, relative to that between random halves of the known ones, in features of EfficientNet-Lite0 at {SIZE} pixels. A
star says that no random sample of the known digits was as far away. A training starts where there is a star and the
ratio is at least 1.5."""


def main() -> None:
    """Measure all kinds of new images, and write the page."""
    torch.set_num_threads(1)
    net = load_feature_net("efficientnet-lite0", SIZE, "cpu")
    images, labels = digits()
    known = compute_features(images[:KNOWN], net)
    rows = [[name, *ratios(known, compute_features(new, net))] for name, new in kinds(images, labels).items()]
    page = table(["new images", *(f"{count} files" for count in COUNTS)], rows)
    false = f"## False alarms\n\n{false_alarms(images, net)}"
    write_page("drift", "When new files differ", "python -m benchmarks.drift", ABOUT, page, false, ran="one thread")


def digits() -> tuple[np.ndarray, np.ndarray]:
    """All digits in a random order, uint8 [N, 1, 28, 28], and their classes."""
    pairs = list(load_digits())
    order = np.random.default_rng(0).permutation(len(pairs))
    images = np.stack([np.asarray(pixels, np.uint8) for pixels, _ in pairs])[:, None]
    return images[order], np.array([int(label) for _, label in pairs])[order]


def kinds(images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """New images of the same kind and of others, by name."""
    fresh, classes = images[KNOWN:], labels[KNOWN:]
    some = fresh[:FRESH]
    return {
        "the same kind": some,
        "saved as JPEG of quality 75": saved(some, 75),
        "saved as JPEG of quality 20": saved(some, 20),
        "mirrored": some[..., ::-1].copy(),
        "the digits 0 to 4 only": fresh[classes < 5][:FRESH],
        "a fifth darker": (some * 0.8).astype(np.uint8),
        "the digit 7 only": fresh[classes == 7][:FRESH],
        "inverted": 255 - some,
    }


def saved(images: np.ndarray, quality: int) -> np.ndarray:
    """The images after they were saved as JPEG."""
    found = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image[0]).save(file, "JPEG", quality=quality)
        found.append(np.asarray(Image.open(file))[None])
    return np.stack(found)


def ratios(known: np.ndarray, new: np.ndarray) -> list[str]:
    """One cell for each of COUNTS."""
    cells = []
    for count in COUNTS:
        drift = feature_drift(known, new[:count], seed=0)
        cells.append(f"{drift.ratio:.2f}{' *' if drift.exceeds_chance else ''}")
    return cells


def false_alarms(images: np.ndarray, net: FeatureNet) -> str:
    """How often other digits of the same kind look different."""
    features = compute_features(images[: KNOWN + FRESH], net)
    found = []
    for trial in range(TRIALS):
        order = np.random.default_rng(trial).permutation(len(features))
        found.append(feature_drift(features[order[:KNOWN]], features[order[KNOWN : KNOWN + 100]], seed=trial))
    low, middle, high = np.quantile([one.ratio for one in found], [0, 0.5, 1])
    stars = sum(one.exceeds_chance for one in found)
    alarms = sum(one.exceeds_chance and one.ratio >= 1.5 for one in found)
    return (
        f"100 digits of the same kind, in {TRIALS} random choices: the ratio is {low:.2f} to {high:.2f}, with the "
        f"median {middle:.2f}. {stars} had a star, and {alarms} would have started a training."
    )


if __name__ == "__main__":
    main()
