"""`shardgan list`: what there is, how large it is, how good it is, and what runs now."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from flows.cli.answers import DONE, print_facts, print_json, print_table, print_title
from flows.cli.verbs.asking import DRY_RUN, AsJson, answer

if TYPE_CHECKING:
    from tasks.tracking.inventory.inventory import Inventory
    from tasks.tracking.inventory.records import DatasetRecord, RunRecord, VersionRecord

FIRST_STEP = "nothing is here yet: shardgan run --source FOLDER --dataset NAME"
MOST_RUNS = 100  # printed without --all; reading a run takes a millisecond
RIGHT = ("IMAGES", "CLASSES", "SIZE", "SEEN", "COST")


def list_things(
    what: Annotated[
        Literal["datasets", "runs", "models"] | None, Parameter(help="datasets, runs or models; all by default")
    ] = None,
    /,
    *,
    every: Annotated[
        bool,
        Parameter(
            "--all", negative=(), help=f"all runs, not only the {MOST_RUNS} that changed last", show_default=False
        ),
    ] = False,
    json: AsJson = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> int:
    """List datasets, runs and models: sizes, counts, scores, aliases, and what runs now."""
    return answer(lambda: _list(what, every, json), json)


def _list(what: Literal["datasets", "runs", "models"] | None, every: bool, as_json: bool) -> int:
    from tasks.home import find_service, home
    from tasks.tracking.inventory.inventory import KINDS, Inventory

    inventory, service = Inventory(home()), find_service(home())
    kinds = (what,) if what else KINDS
    if as_json:
        things: dict[str, Any] = {
            kind: [one.model_dump(mode="json") for one in inventory.of_kind(kind)] for kind in kinds
        }
        print_json({"home": home().shared, "service": service, **things})
        return DONE
    sections = [kind for kind in kinds if (inventory.run_names if kind == "runs" else inventory.of_kind(kind))]
    for kind in sections:
        if len(kinds) > 1:
            print_title(kind.capitalize())
        if kind == "runs":
            _print_runs(inventory, len(inventory.run_names) if every else MOST_RUNS)
        else:
            SECTIONS[kind](inventory)
        if len(kinds) > 1:
            print()
    if not sections:
        print(FIRST_STEP if not what else f"there are no {what} in {home().shared}")
    if not what:
        _print_trash_size()
    if service and not what:
        print_facts([("Prefect", service["PREFECT_API_URL"]), ("MLflow", service["MLFLOW_TRACKING_URI"])])
    return DONE


def _print_trash_size() -> None:
    from tasks.home import home
    from tasks.tracking.inventory.words import size_words
    from tasks.tracking.trash.trash import list_trash

    if trash := list_trash(home()):
        size = size_words(sum(one.deletion.bytes for one in trash))
        print(f"{len(trash)} in the trash, {size}: `shardgan undo` brings back, `shardgan gc` frees")


def _print_datasets(inventory: "Inventory") -> None:
    from tasks.tracking.inventory.words import age_words, size_words

    def row(one: "DatasetRecord") -> Sequence[str]:
        if one.problem:
            return (one.title, "-", "-", "-", "-", "damaged: see shardgan show")
        now = "building now" if one.is_building and one.is_latest else ""
        made = f"by {one.made_by}" if one.made_by else ""
        notes = ", ".join(filter(None, ("latest" if one.is_latest else "", now, made, age_words(one.created))))
        size = f"{one.size}px {'grey' if one.channels == 1 else 'colour'}"
        return (one.title, f"{one.images:,}", str(len(one.labels) or "-"), size, size_words(one.bytes), notes)

    heads = ("DATASET", "IMAGES", "CLASSES", "PIXELS", "SIZE", "NOTES")
    print_table(heads, [row(one) for one in inventory.datasets], RIGHT)


def _print_runs(inventory: "Inventory", most: int) -> None:
    from tasks.tracking.inventory.words import age_words, count_words, duration_words, score_words, size_words

    def row(run: "RunRecord") -> Sequence[str]:
        if run.problem:
            return (run.name, "damaged", "-", "-", "-", size_words(run.bytes), age_words(run.updated))
        left = f", {duration_words(run.seconds_left)} left" if run.seconds_left is not None else ""
        share = f" {100 * run.nimg / run.total_nimg:.0f}%" if run.state != "done" and run.total_nimg else ""
        score = f"{run.score_name} {score_words(run.score)}" if run.score is not None else "-"
        state = f"{run.state}{share}{left}"
        cost = run.cost.short() if run.cost else "-"
        return (run.name, state, count_words(run.nimg), score, cost, size_words(run.bytes), age_words(run.updated))

    heads = ("RUN", "STATE", "SEEN", "BEST QUICK SCORE", "COST", "SIZE", "CHANGED")
    print_table(heads, [row(run) for run in inventory.newest_runs(most)], RIGHT)
    if (more := len(inventory.run_names) - most) > 0:
        print(f"and {more:,} more, which changed before: `shardgan list runs --all`")


def _print_models(inventory: "Inventory") -> None:
    from tasks.tracking.inventory.words import age_words, count_words, score_words, size_words

    def row(one: "VersionRecord") -> Sequence[str]:
        score = one.main_score
        shown = f"{score[0]} {score_words(score[1])}" if score else "-"
        seen = count_words(one.nimg) if one.nimg else "-"
        aliases = ", ".join(one.aliases) or "-"
        return (one.title, aliases, seen, shown, one.dataset or "-", size_words(one.bytes), age_words(one.created))

    heads = ("MODEL", "ALIASES", "SEEN", "SCORE", "DATASET", "SIZE", "REGISTERED")
    print_table(heads, [row(one) for one in inventory.models], RIGHT)


SECTIONS: dict[str, Callable[["Inventory"], None]] = {
    "datasets": _print_datasets,
    "models": _print_models,
}
