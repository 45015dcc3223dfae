"""Finds what a name means: a dataset, a run, a registered version, or the path of one of them."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shards.layout.manifest import MANIFEST
from shards.storage.uris import is_remote
from tasks.errors import RegistryError, RequestError
from tasks.tracking.inventory.datasets import read_dataset
from tasks.tracking.inventory.inventory import KINDS, Inventory, Kind, Thing
from tasks.tracking.inventory.records import DatasetRecord, RunRecord, VersionRecord
from tasks.tracking.inventory.runs import read_run
from tasks.tracking.model_ref import SCHEME, ModelRef

PREFIXES: dict[str, Kind] = {"dataset:": "datasets", "run:": "runs", "model:": "models", SCHEME: "models"}
NUM_SUGGESTIONS = 3
LEAST_DIGITS = 6  # of a dataset's version after a slash


@dataclass(frozen=True)
class Match:
    """What a name means. `is_group` tells that it names a whole dataset or model: `things` are all its versions."""

    kind: Kind
    name: str
    things: list[Thing]
    is_group: bool = False

    @property
    def qualified(self) -> str:
        """The name with its kind in front, which is never ambiguous."""
        return f"{'dataset:' if self.kind == 'datasets' else 'run:' if self.kind == 'runs' else SCHEME}{self.name}"


def find(inventory: Inventory, text: str, kinds: tuple[Kind, ...] = KINDS) -> list[Match]:
    """Return everything that `text` names: one match for each kind.

    Raises RequestError, which suggests similar names, if there is none.
    """
    if found := _at_path(text):
        return [found]
    name = text
    for prefix, kind in PREFIXES.items():
        if text.startswith(prefix):
            name, kinds = text.removeprefix(prefix), (kind,)
    finders = {"datasets": _find_dataset, "runs": _find_run, "models": _find_model}
    if found_ones := [match for kind in kinds if (match := finders[kind](inventory, name))]:
        return found_ones
    raise RequestError(_unknown(inventory, text, name, kinds))


def find_one(inventory: Inventory, text: str, kinds: tuple[Kind, ...] = KINDS) -> Match:
    """Return the only thing that `text` names. Raises RequestError if there is none, or more than one."""
    found = find(inventory, text, kinds)
    if len(found) > 1:
        names = " or ".join(match.qualified for match in found)
        raise RequestError(f"{text!r} names more than one thing: give {names}")
    return found[0]


def all_names(inventory: Inventory, kinds: tuple[Kind, ...] = KINDS) -> Iterator[str]:
    """Yield every name that `find` knows, the short ones first."""
    if "datasets" in kinds:
        yield from dict.fromkeys(one.name for one in inventory.datasets)
    if "models" in kinds:
        yield from dict.fromkeys(one.name for one in inventory.models)
    if "runs" in kinds:
        yield from inventory.run_names
    if "datasets" in kinds:
        yield from (one.title for one in inventory.datasets)
    if "models" in kinds:
        for one in inventory.models:
            yield one.title
            yield from (f"{one.name}@{alias}" for alias in one.aliases)


def _at_path(text: str) -> Match | None:
    if is_remote(text) or text.startswith(SCHEME) or not Path(text).expanduser().exists():
        return None
    path = Path(text).expanduser().absolute()
    folder = path.parent if path.is_file() else path
    if (folder / MANIFEST).is_file():
        dataset = read_dataset(str(folder / MANIFEST), folder.parent.name, folder.name)
        return Match("datasets", dataset.title, [dataset])
    if (folder / "config.json").is_file():
        run = read_run(folder)
        return Match("runs", run.name, [run])
    return None


def _find_dataset(inventory: Inventory, text: str) -> Match | None:
    name, version = _split(text)
    named = [one for one in inventory.datasets if one.name == name]
    if "/" in text and len(version) < LEAST_DIGITS:
        return None  # name/3 is version 3 of a model
    if not version:
        return Match("datasets", name, list(named), is_group=True) if named else None
    fitting = [one for one in named if one.version.startswith(version)]
    if len(fitting) > 1:
        raise RequestError(f"{text!r} names {len(fitting)} versions: {', '.join(one.title for one in fitting)}")
    return Match("datasets", fitting[0].title, list(fitting)) if fitting else None


def _find_run(inventory: Inventory, text: str) -> Match | None:
    exact = [name for name in inventory.run_names if name == text]
    fitting = exact or [name for name in inventory.run_names if text and name.startswith(f"{text}-")]
    fitting = fitting or [name for name in inventory.run_names if text and name.endswith(f"-{text}")]
    # A dataset's name begins the names of all its runs: a part of a name counts only if it names a single run.
    if len(fitting) != 1 or not (exact or "-" in text):
        return None
    run = inventory.run(fitting[0])
    return Match("runs", run.name, [run]) if run else None


def _find_model(inventory: Inventory, text: str) -> Match | None:
    try:
        ref = ModelRef.parse(text)
    except RegistryError:
        return None
    named = [one for one in inventory.models if one.name == ref.name]
    if ref.name == text:  # neither a version nor an alias
        return Match("models", ref.name, list(named), is_group=True) if named else None
    fitting = [one for one in named if (one.version == ref.version if ref.version else ref.alias in one.aliases)]
    return Match("models", f"{ref.name}/{fitting[0].version}", list(fitting)) if fitting else None


def _split(text: str) -> tuple[str, str]:
    for separator in "@/":
        if separator in text:
            name, _, version = text.partition(separator)
            return name, version
    return text, ""


def _unknown(inventory: Inventory, text: str, name: str, kinds: tuple[Kind, ...]) -> str:
    known = list(dict.fromkeys(all_names(inventory, kinds)))
    if not known:
        what = "nothing" if kinds == KINDS else f"no {kinds[0].removesuffix('s')}"
        return f"there is no {text!r}: {inventory.home.shared} holds {what} yet"
    base = _split(name)[0]
    close = difflib.get_close_matches(name, known, NUM_SUGGESTIONS, cutoff=0.8)
    close += [one for one in known if one.startswith((f"{base}@", f"{SCHEME}{base}/"))] if base != name else []
    close += difflib.get_close_matches(name, known, NUM_SUGGESTIONS, cutoff=0.5)
    if not close:
        return f"there is no {text!r} in {inventory.home.shared}; `shardgan list` shows what there is"
    suggested = list(dict.fromkeys(close))[:NUM_SUGGESTIONS]
    return f"there is no {text!r}; did you mean {' or '.join(suggested)}?"


def datasets_of(match: Match) -> list[DatasetRecord]:
    """Return the dataset versions of a match."""
    return [one for one in match.things if isinstance(one, DatasetRecord)]


def runs_of(match: Match) -> list[RunRecord]:
    """Return the runs of a match."""
    return [one for one in match.things if isinstance(one, RunRecord)]


def versions_of(match: Match) -> list[VersionRecord]:
    """Return the registered versions of a match."""
    return [one for one in match.things if isinstance(one, VersionRecord)]
