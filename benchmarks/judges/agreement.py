"""How well two judges agree: rank correlations with intervals, and what choosing by one costs under the other."""

import math
from itertools import combinations

from scipy.stats import spearmanr

from benchmarks.harness.page import table
from benchmarks.harness.rows import Row
from models.metrics.judges import LABELS

HIGHER = ("precision", "recall", "density", "coverage")
SHOWN = ("FD", "KD", *HIGHER)
NEAR = 1.2  # two generators whose FD of judge 1 differ by a smaller factor are near


def loss(row: Row, judge: str, name: str) -> float:
    """A score, with the sign that makes lower better."""
    value = float(row["scores"][judge][name])
    return -value if name in HIGHER else value


def losses(rows: list[Row], judge: str, name: str) -> list[float]:
    """A score of every row."""
    return [loss(row, judge, name) for row in rows]


def correlation(one: list[float], other: list[float]) -> str:
    """Spearman's rank correlation, or "equal" where one side never changes."""
    if len(set(one)) < 2 or len(set(other)) < 2:
        return "equal"
    return f"{spearmanr(one, other).statistic:.2f}"


def with_interval(one: list[float], other: list[float]) -> str:
    """Spearman's rank correlation with its 95 % interval (Bonett & Wright 2000, eq. 3: Fisher's z, larger error)."""
    said = correlation(one, other)
    if said == "equal" or len(one) < 5:
        return said
    r = float(spearmanr(one, other).statistic)
    if abs(r) > 1 - 1e-9:
        return said  # the interval of a perfect correlation has no width
    half = 1.96 * math.sqrt((1 + r * r / 2) / (len(one) - 3))
    low, high = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
    return f"{said} ({low:.2f} to {high:.2f})"


def together(real: list[Row], made: list[Row]) -> str:
    """How well both judges agree with each other, over groups of sets."""
    groups = {"degraded real images": real}
    if made:
        groups |= {"generators": made}
        for family in dict.fromkeys(row["family"] for row in made):
            groups[f"generators of {family}"] = [row for row in made if row["family"] == family]
        groups["both"] = [*real, *made]
    lines = [
        [f"{what} ({len(rows)})", *(with_interval(*(losses(rows, judge, name) for judge in LABELS)) for name in SHOWN)]
        for what, rows in groups.items()
    ]
    return f"Rank correlation of judge 1 with judge 2, 95 % interval:\n\n{table(['over', *SHOWN], lines)}"


def pairs(made: list[Row]) -> str:
    """The shares of pairs of generators that both judges order alike by FD: near ones, and others."""
    first, second = LABELS
    found: dict[str, list[bool]] = {"within a factor of 1.2": [], "further apart": []}
    for one, other in combinations(made, 2):
        a, b = loss(one, first, "FD"), loss(other, first, "FD")
        near = max(a, b) < NEAR * min(a, b)
        alike = (a < b) == (loss(one, second, "FD") < loss(other, second, "FD"))
        found["within a factor of 1.2" if near else "further apart"].append(alike)
    lines = [[name, len(alike), f"{sum(alike)}"] for name, alike in found.items()]
    return f"Pairs of generators by judge 1's FD:\n\n{table(['the two are', 'pairs', 'ordered alike'], lines)}"


def choices(made: list[Row]) -> str:
    """What it costs under judge 2 to take each training's best checkpoint by judge 1."""
    first, second = LABELS
    trainings: dict[tuple[str, int], list[Row]] = {}
    for row in made:
        trainings.setdefault((row["family"], row["seed"]), []).append(row)
    lines = []
    for (family, seed), rows in trainings.items():
        chosen = min(rows, key=lambda row: loss(row, first, "FD"))
        best = min(rows, key=lambda row: loss(row, second, "FD"))
        values = [f"{row['nimg']:,} ({loss(row, second, 'FD'):.0f})" for row in (chosen, best, rows[-1])]
        lines.append([f"{family}, seed {seed}", *values])
    head = ["training", "chosen by judge 1", "best by judge 2", "last"]
    return f"Checkpoints at images seen, with judge 2's FD:\n\n{table(head, lines)}"
