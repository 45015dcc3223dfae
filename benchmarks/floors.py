"""Where the floors of the promotion rule lie: `python -m benchmarks.floors [--collections digits,emoji]`.

Both judges score real training images, trivial generators, an untrained generator and one after a short training
against the val split, all under the protocol of deploy/examples. Writes benchmarks/results/floors.md.
"""

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.collections.cache import CACHE
from benchmarks.collections.sharded import sharded
from benchmarks.harness.page import table, write_page
from benchmarks.harness.scoring import generated
from benchmarks.harness.training import network, train_one
from models.features.cache import reference_features
from models.features.feature_net import FeatureNet
from models.features.nets import load_feature_net
from models.metrics.floors import baseline_scores, find_missed_floors
from models.metrics.judges import LABELS
from models.metrics.scores import score_features
from models.training.checkpoints import CheckpointStore, load_checkpoint
from models.training.config import TrainConfig
from shards import Dataset

INPUT_SIZE = 112
SHORT = 20_000  # images seen by the short training
SHARES = ("precision", "recall", "density", "coverage")


class Case(NamedTuple):
    """A collection with the protocol of its example."""

    name: str
    resolution: int
    num_images: int


CASES = {case.name: case for case in (Case("digits", 32, 1000), Case("emoji", 64, 1000))}
# Of models that were trained to the end elsewhere, under the same protocol.
KNOWN = {
    "digits": [("trained, 100,000 images seen (README)", {"FD-EffNetLite0": 56.77, "recall": 0.446, "coverage": 0.91})]
}


def main() -> None:
    """Measure every collection that is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collections", default="digits,emoji", help="names, with commas")
    parser.add_argument("--nimg", type=int, default=SHORT, help="images seen by the short training; 0: none")
    given = parser.parse_args()
    torch.set_num_threads(1)
    parts = [measure(CASES[name], given.nimg, judge) for name in given.collections.split(",") for judge in LABELS]
    command = f"python -m benchmarks.floors --collections {given.collections} --nimg {given.nimg}"
    write_page("floors", "Where the floors of the promotion rule lie", command, ABOUT, *parts, ran="one thread")


ABOUT = """Features at 112 pixels of the first judge, EfficientNet-Lite0, and of the second one, MobileNetV2, against
the val split. *Real* are images of the train split: what a perfect generator scores. The last column names the floors
that are missed (models/metrics/floors.py). A version that misses a floor of either judge is registered and not
promoted. Both are needed: ten emoji, repeated, just clear the floors of the second judge, and miss one of the first."""


def measure(case: Case, nimg: int, judge: str) -> str:
    """The table of one collection and judge."""
    dataset = sharded(case.name, case.resolution)
    net = load_feature_net(judge, INPUT_SIZE, "cpu")
    frechet = f"FD-{net.label}"
    val = features("val", dataset.open_split("val").images, dataset, net)
    limits = baseline_scores(val, frechet)
    rows = []
    for name, images in contenders(case, dataset, nimg):
        found = features(name, images, dataset, net)
        scores = {key: score.value for key, score in score_features(found, val, net.label, 0).scores.items()}
        rows.append(row(name, scores, limits, case.num_images, len(val)))
        print(rows[-1], flush=True)
    known = [(name, scores) for name, scores in KNOWN.get(case.name, []) if frechet in scores]
    rows += [row(name, scores, limits, case.num_images, len(val)) for name, scores in known]
    about = (
        f"## {case.name}, {judge}\n\n{case.num_images:,} generated against {len(val):,} val images. Floors: {frechet} "
        f"below {limits[frechet]:.1f}, coverage above {limits['coverage']:.3f}."
    )
    return f"{about}\n\n{table(['images', frechet, *SHARES, 'floors missed'], rows)}"


def row(name: str, scores: dict[str, float], limits: dict[str, float], generated: int, real: int) -> list[str]:
    """A line of the table."""
    frechet = next(name for name in scores if name.startswith("FD-"))
    cells = [f"{scores[key]:.3g}" if key in scores else "" for key in (frechet, *SHARES)]
    missed = [sentence.partition(" is ")[0] for sentence in find_missed_floors(scores, limits, generated, real)]
    return [name, *cells, ", ".join(missed) or "none"]


def features(name: str, images: np.ndarray, dataset: Dataset, net: FeatureNet) -> np.ndarray:
    """Features of the images, kept in the cache; of equal images, one is computed."""
    unique = images[:1] if (images == images[:1]).all() else images
    key = f"floors {dataset.manifest.version} {name} {len(images)}"
    found = reference_features(unique, net, CACHE / "features", key)
    return np.repeat(found, len(images), axis=0) if len(unique) == 1 else found


def contenders(case: Case, dataset: Dataset, nimg: int) -> Iterator[tuple[str, np.ndarray]]:
    """What is scored, by name, uint8 NCHW."""
    train, rng = dataset.open_split("train").images, np.random.default_rng(0)
    chosen = train[np.sort(rng.choice(len(train), min(case.num_images, len(train)), replace=False))]
    shape = (case.num_images, *train.shape[1:])
    yield "real: train images", chosen
    yield "uniform noise", rng.integers(0, 256, shape, dtype=np.uint8)
    mean = train.astype(np.float64).mean(axis=0).round().astype(np.uint8)
    yield "the mean image", np.broadcast_to(mean, shape).copy()
    yield "one train image, repeated", np.broadcast_to(chosen[0], shape).copy()
    yield "ten train images, repeated", np.resize(chosen[:10], shape)
    config = TrainConfig(
        family="dcgan", width=32, latent_dim=64, batch_size=32, learning_rate=4e-4, ema_half_life_nimg=4000,
        tick_nimg=2000, nimg=max(nimg, 32),
    )  # fmt: skip
    spec, labels = network(config, dataset), dataset.open_split("val").labels
    torch.manual_seed(0)
    yield "untrained generator", sample(spec.build_networks()["generator"], labels, case)
    if nimg:
        folder = CACHE / "floors" / f"{case.name}-{nimg}"
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        train_one(config, spec, dataset, folder)
        for path in CheckpointStore(folder / "checkpoints").committed():
            checkpoint = load_checkpoint(path)
            generator = spec.build_networks()["generator"]
            generator.load_state_dict(checkpoint.part("ema"))
            yield f"trained, {checkpoint.nimg:,} images seen", sample(generator, labels, case)


def sample(generator: torch.nn.Module, labels: np.ndarray, case: Case) -> np.ndarray:
    """Images of a generator."""
    images = torch.cat(list(generated(generator.eval(), labels, 0)))
    return images[: case.num_images].numpy()


if __name__ == "__main__":
    main()
