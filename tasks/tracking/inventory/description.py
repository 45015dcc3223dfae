"""What `shardgan show` says of a thing: facts, parents, children, paths and links."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from tasks.home import Home
from tasks.tracking.inventory.inventory import Inventory, Thing
from tasks.tracking.inventory.names import Match, datasets_of, versions_of
from tasks.tracking.inventory.records import DatasetRecord, Record, RunRecord, VersionRecord
from tasks.tracking.inventory.relations import Relation, find_children, find_needed, find_parents
from tasks.tracking.inventory.words import age_words, count_words, duration_words, score_words, size_words
from tasks.tracking.model_ref import CHALLENGER, CHAMPION

MOST_LABELS = 12
Fact = tuple[str, str]


class Description(Record):
    """A thing in words. `thing` is None for a dataset or model with several versions: `versions` names them."""

    kind: str
    name: str
    facts: Sequence[Fact]
    parents: Sequence[Relation] = ()
    children: Sequence[Relation] = ()
    paths: Sequence[Fact] = ()
    links: Sequence[Fact] = ()
    versions: Sequence[Relation] = ()
    thing: DatasetRecord | RunRecord | VersionRecord | None = None


def describe(inventory: Inventory, match: Match) -> Description:
    """Describe what a name means. The name of a dataset means its latest version, and the others are listed."""
    if match.is_group and match.kind == "models":
        return _describe_model(inventory, match.name, versions_of(match))
    if match.is_group:
        latest = next((one for one in datasets_of(match) if one.is_latest), datasets_of(match)[0])
        others = [one for one in datasets_of(match) if one != latest]
        described = describe_thing(inventory, latest)
        return described.model_copy(update={"versions": [_brief(one) for one in others]})
    return describe_thing(inventory, match.things[0])


def describe_thing(inventory: Inventory, thing: Thing) -> Description:
    """Describe one dataset version, run or registered version."""
    if isinstance(thing, DatasetRecord):
        facts, paths, links = [*_dataset_facts(thing)], [*_dataset_paths(thing)], list[Fact]()
    elif isinstance(thing, RunRecord):
        facts, paths, links = [*_run_facts(thing)], [*_run_paths(thing)], list[Fact]()
    else:
        facts, paths = [*_version_facts(thing)], [*_version_paths(inventory.home, thing)]
        links = [*_version_links(inventory.home, thing)]
    needed = find_needed(inventory).get(thing.title)
    if needed and needed != thing.title:
        facts.append(("needed by", f"the champion {needed}"))
    return Description(
        kind=thing.kind,
        name=thing.title,
        facts=facts,
        parents=find_parents(inventory, thing),
        children=find_children(inventory, thing),
        paths=paths,
        links=links,
        thing=thing,
    )


def _describe_model(inventory: Inventory, name: str, versions: list[VersionRecord]) -> Description:
    if len(versions) == 1:
        return describe_thing(inventory, versions[0])
    facts = [("versions", str(len(versions)))]
    for alias in (CHAMPION, CHALLENGER):
        holder = next((one for one in versions if alias in one.aliases), None)
        facts.append((alias, _brief(holder).value if holder else "none"))
    known = [one.bytes for one in versions if one.bytes is not None]
    facts.append(("size", size_words(sum(known)) if known else "-"))
    return Description(kind="model", name=name, facts=facts, versions=[_brief(one) for one in versions])


def _brief(thing: Thing) -> Relation:
    if isinstance(thing, VersionRecord):
        score = thing.main_score
        parts = [thing.title, *thing.aliases, f"{score[0]} {score_words(score[1])}" if score else "not scored"]
    else:
        parts = [thing.title, size_words(thing.bytes)]
    return Relation(what="version", value=", ".join([*parts, age_words(_when(thing))]), name=thing.title)


def _when(thing: Thing) -> datetime | None:
    return thing.updated if isinstance(thing, RunRecord) else thing.created


def _dataset_facts(one: DatasetRecord) -> Iterator[Fact]:
    if one.problem:
        yield "problem", one.problem
        return
    splits = ", ".join(f"{count:,} {split}" for split, count in one.splits.items())
    yield "images", f"{one.images:,} ({splits})"
    labels = ", ".join(one.labels[:MOST_LABELS]) + (", ..." if len(one.labels) > MOST_LABELS else "")
    yield "classes", f"{len(one.labels)}: {labels}" if one.labels else "none"
    yield "resolution", f"{one.size} pixels, {'grey' if one.channels == 1 else 'colour'}"
    yield "left out", f"{one.duplicates:,} duplicates, {one.quarantined:,} in quarantine"
    for finding in one.checks:
        yield "check", finding
    yield "shards", size_words(one.bytes)
    yield "made", age_words(one.created)
    yield "latest", "yes" if one.is_latest else "no"
    if one.is_building:
        yield "now", "a build of this dataset runs"


def _dataset_paths(one: DatasetRecord) -> Iterator[Fact]:
    yield "folder", one.folder
    if "://" not in one.folder:
        for name in ("contact_sheet.png", "quarantine.parquet"):
            if Path(one.folder, name).exists():
                yield name.partition(".")[0].replace("_", " "), str(Path(one.folder, name))


def _run_facts(run: RunRecord) -> Iterator[Fact]:
    if run.problem:
        yield "problem", run.problem
    yield "state", f"{run.state}{': ' + run.reason if run.reason else ''}"
    yield "images seen", f"{count_words(run.nimg)} of {count_words(run.total_nimg)}"
    if run.seconds_left is not None:
        yield "time left", f"{duration_words(run.seconds_left)} at {run.images_per_second:,.0f} images/s"
    elif run.images_per_second:
        yield "speed", f"{run.images_per_second:,.0f} images/s"
    yield "network", f"{run.family}, {run.size} pixels"
    if run.score is not None:
        yield "best score", f"{run.score_name} {score_words(run.score)} at {count_words(run.score_nimg)} images"
    if run.goodput:
        yield "goodput", run.goodput
    if run.cost:
        yield "cost", run.cost.words()
    yield "size", size_words(run.bytes)
    yield "started", age_words(run.started)
    yield "changed", age_words(run.updated)


def _run_paths(run: RunRecord) -> Iterator[Fact]:
    path = Path(run.path)
    yield "folder", run.path
    for page in sorted(path.glob("*.html")):
        yield "page", str(page)
    if grids := sorted(path.glob("samples/[0-9]*.png")):
        yield "newest grid", str(grids[-1])
    yield "log", str(path / "train.log")


def _version_facts(one: VersionRecord) -> Iterator[Fact]:
    if one.problem:
        yield "problem", one.problem
    yield "aliases", ", ".join(one.aliases) or "none"
    if one.at:
        yield "decision", f"{'promoted' if one.promoted else 'not promoted'}: {one.why}"
    if sentence := one.approval.describe(one.title):
        yield "approval", sentence
    if one.nimg:
        yield "images seen", f"{count_words(one.nimg)} (the training saw {count_words(one.nimg_seen)})"
    if one.chosen:
        yield "chosen", one.chosen
    for digest, scores in one.scores.items():
        yield "scored", f"under protocol {digest}"
        for name, value in scores.values.items():
            if not name.endswith("-std"):
                yield name, score_words(value, scores.intervals.get(name))
    if not one.scores:
        yield "scored", f"no: shardgan evaluate --model {one.title}"
    yield from one.cost.facts()
    yield "signed by", one.signed_by or "nobody"
    if one.pulled_from:
        yield "pulled from", one.pulled_from
    if one.dossier:
        yield "dossier", f"{one.dossier} in the artifacts of its run, sha256 {one.dossier_sha256[:12]}"
    else:
        yield "dossier", f"none: shardgan dossier {one.title}"
    yield "size", size_words(one.bytes)
    yield "registered", age_words(one.created)
    if one.commit:
        yield "code commit", one.commit


def _version_paths(home: Home, one: VersionRecord) -> Iterator[Fact]:
    yield "files", one.files
    report = home.reports / f"{one.name}-{one.version}.html"
    if report.exists():
        yield "report", str(report)
    dossier = home.reports / f"{one.name}-{one.version}-dossier" / "index.html"
    if dossier.exists():
        yield "dossier", str(dossier)


def _version_links(home: Home, one: VersionRecord) -> Iterator[Fact]:
    if home.shown_tracking_uri.startswith("http"):
        yield (
            "MLflow",
            f"{home.shown_tracking_uri.rstrip('/')}/#/models/{quote(one.name, safe='')}/versions/{one.version}",
        )
