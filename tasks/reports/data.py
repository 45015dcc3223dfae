"""The contents of the evaluation report, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


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


@dataclass(frozen=True)
class ReportData:
    """Everything the page shows. Pictures are PNG bytes; empty or None leaves its section out.

    `generated` and `real` are grids with equal cells, so that both stand at the same scale; `columns` names
    their columns (the classes, if there is one to a column). `judges` says which feature nets gave the scores, and
    which of them the training used. `stats` are the lines of stats.jsonl: each has
    `nimg`, any other number in them becomes a curve. `snapshots` are (nimg, grid). Values of `lineage` that
    begin with http:// or https:// become links. `config` may be nested.
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
    champion: ChampionSummary | None = None
    dataset: DatasetSummary | None = None
    stats: Sequence[Mapping[str, float]] = ()
    snapshots: Sequence[tuple[int, bytes]] = ()
    lineage: Mapping[str, str] = field(default_factory=dict)
    cost: Sequence[tuple[str, str]] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
