"""What comes from what: parents and children of each thing, and what the champions need."""

from collections.abc import Iterator
from pathlib import Path

from tasks.tracking.inventory.inventory import Inventory, Thing
from tasks.tracking.inventory.records import DatasetRecord, Record, RunRecord, VersionRecord
from tasks.tracking.inventory.runs import RunOrigin, find_origins
from tasks.tracking.model_ref import CHAMPION, SCHEME, ModelRef


class Relation(Record):
    """A link from one thing to another. `name` is what `shardgan show` accepts; it is empty for what is not here."""

    what: str
    value: str
    name: str = ""


def find_parents(inventory: Inventory, thing: Thing) -> list[Relation]:
    """Return what a thing was made from."""
    if isinstance(thing, DatasetRecord):
        return [*_parents_of_dataset(inventory, thing)]
    if isinstance(thing, RunRecord):
        return [*_parents_of_run(inventory, thing)]
    return [*_parents_of_version(inventory, thing)]


def find_children(inventory: Inventory, thing: Thing) -> list[Relation]:
    """Return what was made from a thing."""
    if isinstance(thing, DatasetRecord):
        return [*_children_of_dataset(inventory, thing)]
    if isinstance(thing, RunRecord):
        return [_linked("model", one) for one in inventory.models if one.run == thing.name]
    made = [_linked("dataset", one) for one in inventory.datasets if made_by(inventory, one) == thing]
    # A run that started from a version names its weights, or a version as such.
    candidates = find_origins(inventory.home, inventory.run_names, thing.weights_sha256, SCHEME)
    return made + [_run(one) for one in candidates if started_from(inventory, one) == thing]


def find_needed(inventory: Inventory) -> dict[str, str]:
    """Return what must stay for the champions: the title of the champion that needs it, by the thing's title.

    A champion needs its run and dataset, and what these were made from in turn.
    """
    needed: dict[str, str] = {}
    for version in inventory.registered:
        if CHAMPION in version.aliases:
            _need(inventory, version, version.title, needed)
    return needed


def _need(inventory: Inventory, thing: Thing, champion: str, needed: dict[str, str]) -> None:
    if thing.title in needed:
        return
    needed[thing.title] = champion
    for parent in _needed_parents(inventory, thing):
        _need(inventory, parent, champion, needed)


def _needed_parents(inventory: Inventory, thing: Thing) -> Iterator[Thing]:
    if isinstance(thing, DatasetRecord):
        parents: list[Thing | None] = [made_by(inventory, thing)]
    elif isinstance(thing, RunRecord):
        trusted = next((one for one in inventory.datasets if one.version == thing.trusted_version), None)
        blended = (_titled(inventory, title) for title in thing.blend)
        parents = [dataset_of(inventory, thing), *blended, trusted, started_from(inventory, thing)]
    else:
        parents = [run_of(inventory, thing), dataset_of(inventory, thing)]
    yield from (parent for parent in parents if parent)


def dataset_of(inventory: Inventory, thing: RunRecord | VersionRecord) -> DatasetRecord | None:
    """Return the dataset version that a run or version was trained on, if it is here."""
    wanted = (thing.dataset, thing.dataset_version)
    return next((one for one in inventory.datasets if (one.name, one.version) == wanted), None)


def uses(run: RunRecord | RunOrigin, dataset: DatasetRecord) -> bool:
    """Return whether a run is trained on a dataset version, alone or in a blend."""
    return (run.dataset, run.dataset_version) == (dataset.name, dataset.version) or dataset.title in run.blend


def _titled(inventory: Inventory, title: str) -> DatasetRecord | None:
    return next((one for one in inventory.datasets if one.title == title), None)


def run_of(inventory: Inventory, version: VersionRecord) -> RunRecord | None:
    """Return the run that made a version, if it is here."""
    return inventory.run(version.run)


def made_by(inventory: Inventory, dataset: DatasetRecord) -> VersionRecord | None:
    """Return the version that generated a dataset, if it is registered here."""
    return next((one for one in inventory.registered if dataset.made_by and one.title == dataset.made_by), None)


def started_from(inventory: Inventory, run: RunRecord | RunOrigin) -> RunRecord | VersionRecord | None:
    """Return the version or run whose weights a run started from, if it is here."""
    if not run.init:
        return None
    if run.init_sha256 and (version := inventory.by_weights.get(run.init_sha256)):
        return version
    if ModelRef.is_uri(run.init):
        return _version_of(inventory, run.init)
    place = Path(run.init)
    if not place.is_relative_to(inventory.home.runs):
        return None
    return inventory.run(next(iter(place.relative_to(inventory.home.runs).parts), ""))


def _version_of(inventory: Inventory, uri: str) -> VersionRecord | None:
    ref = ModelRef.parse(uri)
    for one in inventory.registered:
        if one.name == ref.name and (one.version == ref.version if ref.version else ref.alias in one.aliases):
            return one
    return None


def _parents_of_dataset(inventory: Inventory, dataset: DatasetRecord) -> Iterator[Relation]:
    if dataset.made_by:
        yield _relation("generated by", made_by(inventory, dataset), dataset.made_by)
    elif dataset.source:
        yield Relation(what="source", value=dataset.source)
    if dataset.grew_from:
        title = f"{dataset.name}@{dataset.grew_from}"
        yield _relation("grew from", _titled(inventory, title), title)


def _parents_of_run(inventory: Inventory, run: RunRecord) -> Iterator[Relation]:
    own = f"{run.dataset}@{run.dataset_version}"
    for title in [own, *(title for title in run.blend if title != own)]:
        yield _relation("dataset", _titled(inventory, title), title)
    if run.init:
        yield _relation("weights from", started_from(inventory, run), run.init)


def _parents_of_version(inventory: Inventory, version: VersionRecord) -> Iterator[Relation]:
    if version.run:
        yield _relation("run", run_of(inventory, version), version.run)
    if version.dataset:
        yield _relation("dataset", dataset_of(inventory, version), f"{version.dataset}@{version.dataset_version}")
    if version.replaced:
        title = f"{SCHEME}{version.name}/{version.replaced}"
        yield _relation("replaced", next((one for one in inventory.models if one.title == title), None), title)


def _children_of_dataset(inventory: Inventory, dataset: DatasetRecord) -> Iterator[Relation]:
    for run in find_origins(inventory.home, inventory.run_names, dataset.version):
        if uses(run, dataset):
            yield _run(run)
    for version in inventory.models:
        if (version.dataset, version.dataset_version) == (dataset.name, dataset.version):
            yield _linked("model", version)
    for other in inventory.datasets:
        if other.name == dataset.name and other.grew_from == dataset.version:
            yield _linked("grown version", other)


def _relation(what: str, found: Thing | None, title: str) -> Relation:
    return _linked(what, found) if found else Relation(what=what, value=f"{title} (not here)")


def _run(origin: RunOrigin) -> Relation:
    return Relation(what="run", value=origin.name, name=origin.name)


def _linked(what: str, thing: Thing) -> Relation:
    aliases = f" ({', '.join(thing.aliases)})" if isinstance(thing, VersionRecord) and thing.aliases else ""
    return Relation(what=what, value=f"{thing.title}{aliases}", name=thing.title)
