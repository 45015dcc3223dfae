"""The comparison as a Markdown page, from the trainings that there are."""

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scipy.stats import t as student

from benchmarks.harness.page import table, write_page
from benchmarks.penalties.arms import SEEDS, TICK_NIMG, TITLES, WAYS, Arm
from benchmarks.penalties.estimates import PRECISIONS, measure_estimates
from benchmarks.penalties.training import PROTOCOL, score_arm
from shards import Dataset

NOTES = Path(__file__).with_name("notes.md")
SHOWN = ("FD-MobileNetV2", "KD-MobileNetV2")
REFERENCE = "exact"
Costs = Mapping[str, Mapping[str, Any]]
Lengths = Mapping[tuple[str, str], int]


class Ratio(NamedTuple):
    """The geometric mean of ratios of scores, with its 95 % interval. Without an interval there was one pair only."""

    mean: float
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def of(cls, pairs: Sequence[tuple[float, float]]) -> "Ratio":
        """The ratio of the first to the second over pairs of trainings with the same seed (t interval of the logs)."""
        logs = [math.log(one / other) for one, other in pairs]
        mean = statistics.fmean(logs)
        if len(logs) < 2:
            return cls(math.exp(mean))
        half = student.ppf(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
        return cls(math.exp(mean), math.exp(mean - half), math.exp(mean + half))

    def __str__(self) -> str:
        interval = "" if math.isnan(self.low) else f" [{self.low:.2f} to {self.high:.2f}]"
        return f"{self.mean:.2f}{interval}"


def write_report(datasets: Mapping[str, Dataset], costs: Costs, nimg: int) -> None:
    """Write benchmarks/results/penalties.md."""
    about = (
        f"Family r3, preset r3-tiny with width 8 and constant settings, 32x32 pixels, conditional, batch 16. Scores "
        f"of the averaged generator by judge 2, MobileNetV2, which no training uses: {PROTOCOL.num_images:,} images "
        f"against the val split at {PROTOCOL.input_size} pixels; lower is better. In round brackets: the seeds. "
        "Ratios are to the exact penalties with the same seed: geometric means, with 95 % intervals over the seeds "
        "(Student's t)."
    )
    equal_images = {(collection, way): nimg for collection in datasets for way in WAYS}
    parts = [about, f"## At {nimg:,} images seen", scores(datasets, equal_images, costs)]
    equal_time = {key: affordable(costs[key[0]], key[1], nimg) for key in equal_images}
    parts += ["## At equal time", TIME, scores(datasets, equal_time, costs)]
    for name, dataset in datasets.items():
        if found := measure_estimates(name, dataset, nimg):
            parts += [f"## The estimate of finite differences ({name})", ESTIMATES, *estimates(found)]
    parts.append(NOTES.read_text())
    command = f"python -m benchmarks.penalties --nimg {nimg}"
    write_page("penalties", "Gradient penalties: exact, lazy, finite differences", command, *parts, ran="one thread")


TIME = (
    "Each way gets the CPU time in which the fastest one sees as many images as above. Settings are constant, so the "
    f"checkpoint there is the end of a training of that length (checkpoints are {TICK_NIMG} images apart)."
)


ESTIMATES = (
    "On the discriminator of the exact training of seed 0, at its end. `e` is `train.penalty.step`. The error is that "
    "of (D(x + e v) - D(x - e v)) / (2 e) against the true directional derivative g.v in float64: the root of the mean "
    "square over real images, as a share of that of g.v. In brackets: the penalty that follows, as a share of the true "
    "one along the same directions. TF32 and bfloat16 are imitated: the factors of each convolution and product are "
    "rounded to their bits."
)


def estimates(found: Mapping[str, Any]) -> list[str]:
    """The table of errors by step and precision, and the noise of the gradient."""
    cells = [
        [f"{row['step']:g}", *(f"{row[name]:.1%} ({row[f'{name} penalty']:.3g})" for name in PRECISIONS)]
        for row in found["errors"]
    ]
    noise = found["noise"]
    text = (
        f"The discriminator's gradient, in shares of the norm of its mean: that of the penalties is "
        f"{noise['penalties']:.2f}; another batch of 16 changes the whole gradient by {noise['batch']:.2f}; other "
        f"random directions for the same batch change it by {noise['differences']:.2f}."
    )
    return [table(["e", *PRECISIONS], cells), text]


def affordable(cost: Mapping[str, float], way: str, nimg: int) -> int:
    """The images that one way sees while the fastest way sees `nimg`: the last checkpoint before that."""
    return int(min(cost.values()) * nimg / cost[way] / TICK_NIMG + 1e-9) * TICK_NIMG


def scores(datasets: Mapping[str, Dataset], lengths: Lengths, costs: Costs) -> str:
    """The table of one comparison: each way on each collection, then over both."""
    found = {
        (collection, way, seed): row
        for (collection, way), nimg in lengths.items()
        for seed in SEEDS
        if (row := score_arm(Arm(collection, way, seed), datasets[collection], nimg))
    }
    head = ["collection", "penalties", "images seen", "CPU ms per image", *SHOWN, "FD to exact", "KD to exact"]
    lines = [
        [
            collection,
            TITLES[way],
            f"{nimg:,}",
            f"{costs[collection][way]:.1f}",
            *(each_seed(found, collection, way, name) for name in SHOWN),
            *(to_exact(found, [collection], way, name) for name in SHOWN),
        ]
        for (collection, way), nimg in lengths.items()
    ]
    both = [
        ["both", TITLES[way], "", "", "", "", *(to_exact(found, list(datasets), way, name) for name in SHOWN)]
        for way in WAYS
        if way != REFERENCE
    ]
    return table(head, [*lines, *both])


def each_seed(found: Mapping[Any, Any], collection: str, way: str, name: str) -> str:
    """The mean of a score, and the seeds that it is of."""
    values = [found[collection, way, seed]["scores"][name] for seed in SEEDS if (collection, way, seed) in found]
    if not values:
        return "not trained"
    written = [f"{value:.0f}" if name.startswith("FD") else f"{value:.3f}" for value in values]
    mean = statistics.fmean(values)
    return f"{f'{mean:.0f}' if name.startswith('FD') else f'{mean:.3f}'} ({', '.join(written)})"


def to_exact(found: Mapping[Any, Any], collections: Sequence[str], way: str, name: str) -> str:
    """The ratio of a score to the one of the exact penalties, over the pairs that there are."""
    pairs = [
        (found[collection, way, seed]["scores"][name], found[collection, REFERENCE, seed]["scores"][name])
        for collection in collections
        for seed in SEEDS
        if (collection, way, seed) in found and (collection, REFERENCE, seed) in found
    ]
    return str(Ratio.of(pairs)) if pairs and way != REFERENCE else ""
