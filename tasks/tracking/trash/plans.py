"""What a deletion would remove, what it would break, and what is refused: champions and what their lineage needs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from shards.storage.uris import is_remote
from tasks.errors import RequestError
from tasks.tracking.inventory.datasets import dataset_folder, is_building
from tasks.tracking.inventory.files import folder_bytes
from tasks.tracking.inventory.inventory import Inventory, Thing
from tasks.tracking.inventory.names import Match, find_one
from tasks.tracking.inventory.records import DatasetRecord, Record, RunRecord, VersionRecord
from tasks.tracking.inventory.relations import find_children, find_needed, uses
from tasks.tracking.model_ref import CHAMPION

MOST_NAMED = 5


class Deletion(Record):
    """One thing that would go. `folder` is what moves to the trash; a registered version is only marked until gc."""

    name: str
    kind: str
    bytes: int
    folder: str = ""
    model: str = ""
    version: str = ""
    aliases: Sequence[str] = ()
    consequences: Sequence[str] = ()


def plan_deletions(inventory: Inventory, names: Sequence[str]) -> list[Deletion]:
    """Return what the names stand for. Nothing is changed.

    Raises RequestError for an unknown name, for what a champion needs, and for what a process works on now.
    """
    matches = [find_one(inventory, name) for name in names]
    going = {thing.title for match in matches for thing in match.things}
    for match in matches:
        _refuse_outside(inventory, match)
    needed = find_needed(inventory)
    for match in matches:
        for thing in match.things:
            _refuse_needed(thing, needed)
            _refuse_busy(inventory, thing)
    unique = {deletion.name: deletion for match in matches for deletion in _deletions(inventory, match, going)}
    return list(unique.values())


def _deletions(inventory: Inventory, match: Match, going: set[str]) -> Iterator[Deletion]:
    if match.is_group and match.kind == "datasets":
        folder = dataset_folder(inventory.home, match.name)
        broken = [line for thing in match.things for line in _consequences(inventory, thing, going)]
        count = len(match.things)
        others = [f"{f'all {count} versions go' if count > 1 else 'it goes'} with what a build needs to grow it"]
        size = folder_bytes(Path(folder))
        yield Deletion(name=match.name, kind="dataset", bytes=size, folder=folder, consequences=others + broken)
        return
    for thing in match.things:
        broken = list(_consequences(inventory, thing, going))
        if isinstance(thing, VersionRecord):
            yield Deletion(
                name=thing.title,
                kind="model",
                bytes=thing.bytes or 0,
                model=thing.name,
                version=thing.version,
                aliases=thing.aliases,
                consequences=broken,
            )
        else:
            folder = thing.folder if isinstance(thing, DatasetRecord) else thing.path
            size = folder_bytes(Path(folder))
            yield Deletion(name=thing.title, kind=thing.kind, bytes=size, folder=folder, consequences=broken)


def _refuse_outside(inventory: Inventory, match: Match) -> None:
    for thing in match.things:
        if isinstance(thing, VersionRecord):
            continue
        place = thing.folder if isinstance(thing, DatasetRecord) else thing.path
        if is_remote(place) or inventory.home.is_remote:  # a run in a bucket would be fetched again
            raise RequestError(f"{thing.title} is kept in the bucket {inventory.home.shared}: delete it there")
        is_dataset = isinstance(thing, DatasetRecord)
        known = {one.title for one in inventory.datasets} if is_dataset else set(inventory.run_names)
        if thing.title not in known or not Path(place).is_relative_to(inventory.home.root):
            raise RequestError(
                f"{place} is not in {inventory.home.root}: only what `shardgan list` shows can be deleted"
            )


def _refuse_needed(thing: Thing, needed: dict[str, str]) -> None:
    champion = needed.get(thing.title)
    if champion == thing.title:
        raise RequestError(f"{thing.title} is a champion: promote another version or roll back before it is deleted")
    if champion:
        raise RequestError(f"{thing.title} stays: the champion {champion} needs it for its lineage")


def _refuse_busy(inventory: Inventory, thing: Thing) -> None:
    if isinstance(thing, RunRecord) and thing.state in ("running", "waiting"):
        raise RequestError(f"{thing.title} is {thing.state}: stop the training before it is deleted")
    if isinstance(thing, DatasetRecord):
        if is_building(inventory.home, thing.name):
            raise RequestError(f"{thing.title} stays: a build of {thing.name} runs; wait for it to end")
        users = [run.name for run in inventory.runs if run.state in ("running", "waiting") and _trains_on(run, thing)]
        if users:
            raise RequestError(f"{thing.title} stays: {users[0]} trains on it now")


def _trains_on(run: RunRecord, dataset: DatasetRecord) -> bool:
    return uses(run, dataset) or run.trusted_version == dataset.version


def _consequences(inventory: Inventory, thing: Thing, going: set[str]) -> Iterator[str]:
    """Say what will not work afterwards."""
    children = [link for link in find_children(inventory, thing) if link.name not in going]
    runs = [link.name for link in children if link.what == "run"]
    models = [link.name for link in children if link.what == "model"]
    if isinstance(thing, DatasetRecord):
        if runs:
            yield f"runs that cannot be resumed without it: {_some(runs)}"
        if models:
            yield f"models that cannot be scored or traced without it: {_some(models)}"
    elif isinstance(thing, RunRecord):
        if models:
            yield f"models that cannot be traced back without it: {_some(models)}"
        yield "its curves stay in MLflow"
    elif aliases := [alias for alias in thing.aliases if alias != CHAMPION]:
        yield f"the alias {' and '.join(aliases)} goes with it"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
