"""The contents of the evaluation report, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(frozen=True)
class ChampionSummary:
    """The version to compare with. Scores under another protocol are shown but not compared."""

    version: str
    scores: Mapping[str, float]
    protocol_digest: str
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetSummary:
    """The dataset version: counts of images; `reasons` maps reason codes to numbers of quarantined files."""

    name: str
    version: str
    seen: int
    kept: int
    duplicates: int
    quarantined: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[str, int] = field(default_factory=dict)
    splits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassifierSummary:
    """How generated images change the accuracy of a classifier, as text.

    `accuracies` has cells (real images, trained on, then one a test), `gains` (real images, then one a test); an
    interval in parentheses at a cell's end gets a line of its own.
    """

    tests: Sequence[str]
    accuracies: Sequence[Sequence[str]]
    gains: Sequence[Sequence[str]]
    about: str


class Neighbour(NamedTuple):
    """A training image near a generated one: a PNG, what it is in words, and its distance as text."""

    image: bytes
    about: str
    distance: str


@dataclass(frozen=True)
class ReportData:
    """Everything the page shows. Pictures are PNG bytes; empty or None leaves its section out.

    `generated` and `real` are grids with equal cells, so that both stand at the same scale; `columns` names their
    `num_columns` columns (the classes, if there is one to a column). `neighbours` are the training images nearest to
    each cell of `generated`, row by row. `real_scores` is what training images score. `judges` says which feature nets
    gave the scores, and which of them the training used. `stats` are the lines of stats.jsonl: each has `nimg`, any
    other number in them becomes a curve. `snapshots` are (nimg, grid). Values of `lineage` that begin with http:// or
    https:// become links. `config` may be nested.
    """

    model: str
    version: str
    promoted: bool
    why: str
    scores: Mapping[str, float]
    protocol: Mapping[str, Any]
    protocol_digest: str
    generated: bytes
    real: bytes
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    by_class: Mapping[str, float] = field(default_factory=dict)
    by_class_intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    judges: str = ""
    pairs: bytes = b""
    truncation: bytes = b""
    interpolation: bytes = b""
    classifier: ClassifierSummary | None = None
    columns: Sequence[str] = ()
    num_columns: int = 8
    neighbours: Sequence[Sequence[Neighbour]] = ()
    real_scores: Mapping[str, float] = field(default_factory=dict)
    champion: ChampionSummary | None = None
    dataset: DatasetSummary | None = None
    stats: Sequence[Mapping[str, float]] = ()
    snapshots: Sequence[tuple[int, bytes]] = ()
    lineage: Mapping[str, str] = field(default_factory=dict)
    cost: Sequence[tuple[str, str]] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
