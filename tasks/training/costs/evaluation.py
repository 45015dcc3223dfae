"""An estimate of what an evaluation costs: some images are generated, encoded, decoded and judged, and timed.

Imports neither Prefect nor MLflow.
"""

import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import nn

from models.compute.device import select_device
from models.features.feature_net import FeatureNet
from models.features.nets import IN_PACKAGES, load_feature_net
from models.grids import encode_png, to_uint8
from models.metrics.config import EvalConfig
from models.metrics.scores import score_features
from models.networks.families import NetworkSpec
from shards import Dataset
from tasks.home import home
from tasks.tracking.inventory.inventory import Inventory
from tasks.tracking.inventory.names import find_one, versions_of
from tasks.trainer.costs.trials import Budget, Deadline, MemoryWatch, StageCost
from tasks.trainer.pictures import SomeImages, some_images

STAGE = "evaluate"
GENERATED, BLOCK = 64, 16
MOST_BATCHES = 8
FEATURE_SECONDS = 1.0  # for each net
# The timed scores have a third of the images and of the features. All their parts are cubic in these numbers together.
SHRUNK = 3
LEAST_SCORED = 12
SCORE_REPEATS = 4
# Times that importing torch takes here (benchmarks/results/estimates.md): to start the evaluation, to draw the report
# and store it, and until the command and its server have ended.
START_AND_END = 3.5
REPORT_BYTES = 300_000  # 230 to 430 KB (benchmarks/results/estimates.md)
FLOAT_BYTES = 4


class Speeds(NamedTuple):
    """Measured seconds: of loading the nets, of an image in each net, of generating an image, and of the distances."""

    load: float
    num_features: Sequence[int]
    by_net: Sequence[float]
    generate: float
    scores: float


def estimate_evaluation(
    config: EvalConfig,
    spec: NetworkSpec,
    generator: nn.Module,
    some: SomeImages,
    counts: Mapping[str, int],
    import_seconds: float,
    budget: Budget,
) -> StageCost:
    """Judge some of the real images and of generated ones, and conclude what the whole evaluation costs.

    `counts` has the numbers of images by split. `import_seconds` is what importing torch takes here.
    """
    if config.feature_net not in IN_PACKAGES:
        return StageCost(stage=STAGE, basis=f"no estimate, because it was not tried with {config.feature_net}")
    if config.gain:
        return StageCost(stage=STAGE, basis="no estimate, because the training of the classifiers was not tried")
    device = select_device(config.device)
    num_val, num_train = min(config.num_val, counts.get("val", 0)), min(config.num_train, counts.get("train", 0))
    with MemoryWatch() as memory:
        speeds = _measure(config, spec, generator.to(device), some.images, device, (num_val, num_train), budget)
    seconds = (
        START_AND_END * import_seconds
        + speeds.load
        + config.num_images * (speeds.generate + sum(speeds.by_net))
        + num_val * (some.decode_seconds + sum(speeds.by_net))
        + counts.get("train", 0) * some.decode_seconds
        + num_train * sum(speeds.by_net)
        + speeds.scores
    )
    rate = 1 / sum(speeds.by_net)
    judged = config.num_images + num_val + num_train
    nets = " and ".join(net for net in (config.feature_net, config.second) if net)
    return StageCost(
        stage=STAGE,
        seconds=seconds,
        # The features of real images are kept for other evaluations.
        disk_bytes=REPORT_BYTES + FLOAT_BYTES * (num_val + num_train) * sum(speeds.num_features),
        memory_bytes=memory.peak_bytes,
        basis=f"{judged:,} images, at {rate:,.0f} per second through {nets}; a champion that was scored otherwise is "
        "scored again",
    )


def estimate_version(config: EvalConfig, model: str, import_seconds: float, budget: Budget) -> StageCost:
    """Conclude what it costs to evaluate a registered version. Its networks are known from its files on this machine.

    Raises RequestError if there is no such version, and DatasetError if its dataset is not here.
    """
    version = versions_of(find_one(Inventory(home()), model, ("models",)))[0]
    about = Path(version.files) / "artifacts" / "spec.json"
    if not about.is_file():
        return StageCost(stage=STAGE, basis=f"no estimate, because the files of {version.title} are not here")
    given = json.loads(about.read_text())
    spec = NetworkSpec(family=given["family"], **given["arguments"])
    dataset = Dataset.open(version.manifest)
    generator = spec.build_networks()["generator"].eval()
    counts = {str(split): count for split, count in dataset.manifest.num_samples_by_split.items()}
    return estimate_evaluation(config, spec, generator, some_images(dataset), counts, import_seconds, budget)


def _measure(
    config: EvalConfig,
    spec: NetworkSpec,
    generator: nn.Module,
    images: np.ndarray,
    device: torch.device,
    num_real: tuple[int, int],
    budget: Budget,
) -> Speeds:
    began = time.perf_counter()
    names = [name for name in (config.feature_net, config.second) if name]
    nets = [load_feature_net(name, config.input_size, device) for name in names]
    load = time.perf_counter() - began
    made = time.perf_counter()
    _generate(generator, spec, device)
    generate = (time.perf_counter() - made) / GENERATED
    by_net = [_time_net(net, images, config.batch_size, budget.within(FEATURE_SECONDS)) for net in nets]
    scores = sum(_time_scores(config.num_images, *num_real, net.num_features) for net in nets)
    return Speeds(load, [net.num_features for net in nets], by_net, generate, scores)


@torch.no_grad()
def _generate(generator: nn.Module, spec: NetworkSpec, device: torch.device) -> None:
    """Generate images, encode them as PNG and decode them, as the evaluation of a registered version does."""
    parts = []
    for _ in range(GENERATED // BLOCK):
        z = torch.randn(BLOCK, spec.latent_dim, device=device)
        labels = torch.zeros(BLOCK, dtype=torch.long, device=device) if spec.num_classes else None
        parts.append(generator(z, labels))
    for image in to_uint8(torch.cat(parts)).cpu().numpy():
        np.asarray(Image.open(io.BytesIO(encode_png(image)), formats=["PNG"]))


def _time_net(net: FeatureNet, images: np.ndarray, batch_size: int, deadline: Deadline) -> float:
    """Return the seconds of one image; the first batch, which sets up memory and kernels, does not count."""
    seconds = []
    for batch in _batches(images, min(batch_size, len(images))):
        began = time.perf_counter()
        net(torch.from_numpy(batch))
        seconds.append((time.perf_counter() - began) / len(batch))
        if len(seconds) > 1 and not deadline.left:
            break
    return float(np.mean(seconds[1:] or seconds))


def _batches(images: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for number in range(MOST_BATCHES):
        yield np.take(images, range(number * size, (number + 1) * size), axis=0, mode="wrap")


def _time_scores(num_images: int, num_val: int, num_train: int, num_features: int) -> float:
    """Return about how long one judge's distances take, from smaller sets of random features."""
    numbers = np.random.default_rng(0)

    def features(count: int) -> np.ndarray:
        return numbers.random((max(count // SHRUNK, LEAST_SCORED), num_features // SHRUNK), np.float32)

    fake, real, train = features(num_images), features(num_val), features(num_train) if num_train else None

    def once() -> float:
        began = time.perf_counter()
        score_features(fake, real, "timed", 0, train=train)
        return time.perf_counter() - began

    # The shortest of several: a moment in which this process waits would count SHRUNK^3 times.
    return min(once() for _ in range(SCORE_REPEATS)) * SHRUNK**3
