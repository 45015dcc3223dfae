"""Registered versions side by side: scores under one protocol, and the settings in which their trainings differ.

Reads what is recorded. Nothing is measured, and neither torch nor MLflow is imported.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from models.metrics.directions import higher_is_better, same_score
from tasks.errors import RequestError
from tasks.tracking.inventory.inventory import Inventory
from tasks.tracking.inventory.names import Match, find, runs_of, versions_of
from tasks.tracking.inventory.records import Record, ScoreRecord, VersionRecord
from tasks.tracking.inventory.relations import run_of
from tasks.tracking.inventory.words import count_words, score_words, size_words
from tasks.tracking.model_ref import CHALLENGER

MOST = 6  # versions; more do not fit beside each other
NOT_KNOWN = "-"


class ScoreRow(Record):
    """One score of every version. `best` are the places of the best value and of those that equal it.

    `is_clear` tells that the interval of no other version meets the interval of the best one.
    """

    name: str
    values: Sequence[float | None]
    intervals: Sequence[tuple[float, float] | None]
    best: Sequence[int]
    is_clear: bool
    higher_is_better: bool

    def words(self) -> list[str]:
        """Return each value with its interval as text."""
        pairs = zip(self.values, self.intervals, strict=True)
        return [NOT_KNOWN if value is None else score_words(value, interval) for value, interval in pairs]


class Difference(Record):
    """A fact or setting of every version."""

    name: str
    values: Sequence[str]


class Comparison(Record):
    """Versions side by side. `protocol` is the digest that all of them were scored under; empty if there is none.

    Then `scores` holds the newest scores of each, without a best one, and `problems` says how the protocols differ.
    """

    models: Sequence[VersionRecord]
    protocol: str
    protocol_facts: Mapping[str, Any]
    scores: Sequence[ScoreRow]
    facts: Sequence[Difference]
    settings: Sequence[Difference]
    problems: Sequence[str]


def find_versions(inventory: Inventory, names: Sequence[str]) -> list[VersionRecord]:
    """Return the versions that the names mean. A single name of a model means all its versions, the newest first.

    A run means the newest version that was registered from it. Raises RequestError if fewer than two are left.
    """
    found = [version for name in names for version in _versions(inventory, name, alone=len(names) == 1)]
    unique = list({version.title: version for version in found}.values())
    if len(unique) < 2:
        what = f"only {unique[0].title} is named" if unique else "nothing is named"
        raise RequestError(f"{what}: give at least two models, such as name@champion and name@challenger")
    if len(unique) > MOST:
        raise RequestError(f"{len(unique)} models are named: at most {MOST} fit beside each other")
    return unique


def _versions(inventory: Inventory, name: str, *, alone: bool) -> list[VersionRecord]:
    matches = find(inventory, name, ("models", "runs"))
    match = next((one for one in matches if one.kind == "models"), matches[0])
    if match.kind == "models":
        named = versions_of(match)
        return named if alone or not match.is_group else [_challenger(named)]
    return [_registered_from(inventory, name, match)]


def _challenger(versions: list[VersionRecord]) -> VersionRecord:
    return next((one for one in versions if CHALLENGER in one.aliases), versions[0])


def _registered_from(inventory: Inventory, name: str, match: Match) -> VersionRecord:
    names = [run.name for run in runs_of(match)]
    made = next((one for one in inventory.models if one.run in names), None)
    if made is None:
        raise RequestError(f"{name!r} is not a registered model, nor a run from which one was registered")
    return made


def compare(inventory: Inventory, versions: Sequence[VersionRecord]) -> Comparison:
    """Put the versions side by side."""
    protocol = _common_protocol(versions)
    scores = [one.scores[protocol] if protocol else _newest(one) for one in versions]
    return Comparison(
        models=versions,
        protocol=protocol,
        protocol_facts=scores[0].protocol if protocol else {},
        scores=_score_rows(scores, is_common=bool(protocol)),
        facts=_facts(versions),
        settings=_settings(inventory, versions),
        problems=[] if protocol else _protocol_problems(versions),
    )


def _common_protocol(versions: Sequence[VersionRecord]) -> str:
    """Return the digest of the protocol with the most images that all versions were scored under."""
    common = [digest for digest in versions[0].scores if all(digest in one.scores for one in versions)]

    def size(digest: str) -> tuple[int, int]:
        protocol = versions[0].scores[digest].protocol
        return int(protocol.get("num_generated", 0)), int(protocol.get("num_reference", 0))

    return max(common, key=size, default="")


def _newest(version: VersionRecord) -> ScoreRecord:
    return list(version.scores.values())[-1] if version.scores else ScoreRecord(values=version.shown_scores)


def _score_rows(scores: Sequence[ScoreRecord], *, is_common: bool) -> list[ScoreRow]:
    names = dict.fromkeys(name for one in scores for name in one.values if not name.endswith("-std"))
    return [_score_row(name, scores, is_common) for name in names]


def _score_row(name: str, scores: Sequence[ScoreRecord], is_common: bool) -> ScoreRow:
    values = [one.values.get(name) for one in scores]
    intervals = [one.intervals.get(name) for one in scores]
    known = [value for value in values if value is not None]
    best: list[int] = []
    if is_common and len(known) > 1:
        top = max(known) if higher_is_better(name) else min(known)
        best = [place for place, value in enumerate(values) if value is not None and same_score(value, top)]
    return ScoreRow(
        name=name,
        values=values,
        intervals=intervals,
        best=best,
        is_clear=len(best) == 1 and _is_apart(best[0], values, intervals),
        higher_is_better=higher_is_better(name),
    )


def _is_apart(best: int, values: Sequence[float | None], intervals: Sequence[tuple[float, float] | None]) -> bool:
    """Return whether the interval of the best version meets no other one. Without an interval nothing is sure."""
    mine = intervals[best]
    others = [interval for place, interval in enumerate(intervals) if place != best and values[place] is not None]
    return mine is not None and all(one is not None and (one[0] > mine[1] or one[1] < mine[0]) for one in others)


def _facts(versions: Sequence[VersionRecord]) -> list[Difference]:
    facts = {
        "aliases": [", ".join(one.aliases) or "none" for one in versions],
        "dataset": [f"{one.dataset}@{one.dataset_version}" if one.dataset else NOT_KNOWN for one in versions],
        "images seen": [count_words(one.nimg) if one.nimg else NOT_KNOWN for one in versions],
        "run": [one.run or NOT_KNOWN for one in versions],
        "size": [size_words(one.bytes) for one in versions],
        "registered": [f"{one.created:%Y-%m-%d %H:%M} UTC" if one.created else NOT_KNOWN for one in versions],
    }
    return [Difference(name=name, values=values) for name, values in facts.items()]


def _settings(inventory: Inventory, versions: Sequence[VersionRecord]) -> list[Difference]:
    """Return the settings of the trainings that are not the same everywhere."""
    runs = [run_of(inventory, one) for one in versions]
    flat = [dict(_flatten(run.settings)) if run else {} for run in runs]
    names = dict.fromkeys(name for one in flat for name in one)
    rows = [Difference(name=name, values=[one.get(name, NOT_KNOWN) for one in flat]) for name in names]
    known = [place for place, run in enumerate(runs) if run]
    return [row for row in rows if len({row.values[place] for place in known}) > 1]


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in tree.items():
        if isinstance(value, Mapping):
            pairs += _flatten(value, f"{prefix}{name}.")
        else:
            pairs.append((f"{prefix}{name}", str(value)))
    return pairs


def _protocol_problems(versions: Sequence[VersionRecord]) -> list[str]:
    problems = []
    if unscored := [one.title for one in versions if not one.scores]:
        problems.append(f"{' and '.join(unscored)} was not scored yet: shardgan evaluate --model {unscored[0]}")
    for one, other in combinations([one for one in versions if one.scores], 2):
        mine, theirs = _newest(one).protocol, _newest(other).protocol
        differing = [f"{name} {mine.get(name)} and {theirs[name]}" for name in theirs if mine.get(name) != theirs[name]]
        if differing:
            problems.append(f"{one.title} and {other.title} have different protocols: {', '.join(differing)}")
    return problems
