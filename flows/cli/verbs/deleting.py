"""`shardgan delete`, `undo` and `gc`: first say what would go, then ask."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from flows.cli.answers import DONE, FAILED, print_facts, print_json, print_table, print_title
from flows.cli.verbs.asking import AsJson, OnlyShow, Yes, answer, confirm

if TYPE_CHECKING:
    from tasks.tracking.trash.trash import Trashed


def delete(
    *names: Annotated[str, Parameter(help="what to delete: the names that `shardgan list` shows", show=True)],
    yes: Yes = False,
    json: AsJson = False,
    dry_run: OnlyShow = False,
) -> int:
    """Delete datasets, runs or models. Champions and what they need stay. `shardgan undo` works for a day."""
    return answer(lambda: _delete(names, yes, json, dry_run), json)


def undo(
    name: Annotated[str, Parameter(help="what to bring back; the newest deletion by default")] = "",
    /,
    *,
    json: AsJson = False,
    dry_run: OnlyShow = False,
) -> int:
    """Bring back what `shardgan delete` moved to the trash. With --dry-run, list what is there."""
    return answer(lambda: _undo(name, json, dry_run), json)


def gc(
    *,
    everything: Annotated[
        bool, Parameter(name="--all", negative=(), help="also what was deleted less than a day ago")
    ] = False,
    yes: Yes = False,
    json: AsJson = False,
    dry_run: OnlyShow = False,
) -> int:
    """Free room: what was deleted more than a day ago, and caches and logs that were not used for 30 days."""
    return answer(lambda: _gc(everything, yes, json, dry_run), json)


def _delete(names: Sequence[str], yes: bool, as_json: bool, dry_run: bool) -> int:
    from tasks.errors import RequestError
    from tasks.home import home
    from tasks.tracking.inventory.inventory import Inventory
    from tasks.tracking.inventory.words import size_words
    from tasks.tracking.trash.plans import plan_deletions
    from tasks.tracking.trash.trash import delete as move_to_trash

    if not names:
        raise RequestError("nothing is named: give the names of datasets, runs or models; `shardgan list` shows them")
    deletions = plan_deletions(Inventory(home()), names)
    total = sum(one.bytes for one in deletions)
    if not as_json:
        for one in deletions:
            print_title(f"{one.kind} {one.name}  {size_words(one.bytes)}")
            print_facts([("", line) for line in one.consequences])
    if not dry_run:
        things = "1 thing" if len(deletions) == 1 else f"{len(deletions)} things"
        if not confirm(f"Move {things}, {size_words(total)}, to the trash?", yes):
            print("nothing was deleted")
            return FAILED
        move_to_trash(home(), deletions)
    if as_json:
        planned = [one.model_dump(mode="json") for one in deletions]
        print_json({"dry_run": dry_run, "bytes": total, "deleted": planned})
    elif dry_run:
        print(f"{size_words(total)} would go to the trash; `shardgan gc` frees the room after a day")
    else:
        print(f"{size_words(total)} is in the trash for a day: `shardgan undo` brings it back, `shardgan gc` frees it")
    return DONE


def _undo(name: str, as_json: bool, dry_run: bool) -> int:
    from tasks.errors import RequestError
    from tasks.home import home
    from tasks.tracking.trash.trash import list_trash, restore

    trash = list_trash(home())
    if dry_run:
        if as_json:
            print_json({"dry_run": True, "trash": [one.model_dump(mode="json") for one in trash]})
        else:
            _print_trash(trash)
        return DONE
    chosen = [one for one in trash if name in ("", one.name, one.id, f"{one.deletion.kind}:{one.name}")]
    if not chosen:
        known = ", ".join(dict.fromkeys(one.name for one in trash)) or "nothing"
        raise RequestError(f"there is no {name!r} in the trash: it holds {known}" if name else "the trash is empty")
    restore(home(), chosen[0])
    if as_json:
        print_json({"dry_run": False, "restored": chosen[0].model_dump(mode="json")})
    else:
        print(f"{chosen[0].deletion.kind} {chosen[0].name} is back")
    return DONE


def _gc(everything: bool, yes: bool, as_json: bool, dry_run: bool) -> int:
    from tasks.home import home
    from tasks.tracking.inventory.words import size_words
    from tasks.tracking.trash.collection import collect, find_waste
    from tasks.tracking.trash.trash import list_trash

    waste = find_waste(home(), everything)
    total = sum(one.bytes for one in waste)
    kept = [one for one in list_trash(home()) if one.id not in {item.trashed.id for item in waste if item.trashed}]
    if waste and not as_json:
        print_table(("WHAT", "SIZE", "WHY"), [(one.what, size_words(one.bytes), one.why) for one in waste], ("SIZE",))
    if waste and not dry_run:
        if not confirm(f"Remove this for good, {size_words(total)}?", yes):
            print("nothing was removed")
            return FAILED
        collect(home(), waste)
    answer: dict[str, Any] = {"dry_run": dry_run, "bytes": total, "removed": [one.what for one in waste]}
    if as_json:
        print_json(answer | {"kept": [one.name for one in kept]})
        return DONE
    if waste:
        print(f"{size_words(total)} {'would be' if dry_run else 'is'} free")
    else:
        print("there is nothing to remove")
    if kept:
        print(f"{len(kept)} in the trash for less than a day: `shardgan undo` brings it back, --all removes it now")
    return DONE


def _print_trash(trash: Sequence["Trashed"]) -> None:
    from tasks.tracking.inventory.words import age_words, size_words

    if not trash:
        print("the trash is empty")
        return
    rows = [(f"{one.deletion.kind} {one.name}", size_words(one.deletion.bytes), age_words(one.at)) for one in trash]
    print_table(("IN THE TRASH", "SIZE", "DELETED"), rows, ("SIZE",))
