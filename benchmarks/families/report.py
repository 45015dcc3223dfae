"""The page families.md from the rows and pictures of runs: `python -m benchmarks.families --report FOLDER ...`."""

import io
import json
import statistics
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from benchmarks.collections.carried import ENCODINGS
from benchmarks.collections.sharded import COLLECTIONS
from benchmarks.families.packing import PICTURES
from benchmarks.families.process import ROWS
from benchmarks.harness.page import RESULTS, table, write_page
from models.training.config import TrainConfig

Row = dict[str, Any]
NOTES = Path(__file__).with_name("notes.md")
JUDGE_2, JUDGE_1 = "FD-MobileNetV2", "FD-EffNetLite0"
COLUMNS = {
    JUDGE_2: "FD, judge 2",
    "KD-MobileNetV2": "KD, judge 2",
    "precision-MobileNetV2": "precision",
    "recall-MobileNetV2": "recall",
    "coverage-MobileNetV2": "coverage",
    JUDGE_1: "FD, judge 1",
    "recall": "recall, judge 1",
    "coverage": "coverage, judge 1",
    "memorised": "memorised",
}
MOST_PNG_BYTES = 200_000
ABOUT = """Every training of a collection begins at the same moment and takes the same time, with constant settings
(below, and benchmarks/families/jobs.py). *Equal images* is the largest of 1,000, 2,000, 5,000, 10,000, ... images that
all trainings of the collection have seen; *equal time* is the end.

Scores are of {num_images:,} images of the averaged generator against the val split at {input_size} pixels. Judge 2,
MobileNetV2, is used by no training; judge 1 is EfficientNet-Lite0, whose features the discriminator of projected sees,
so its scores flatter that family. Precision, recall and coverage without a name are of judge 2. *Floor* is what real
training images score. Each figure is the mean over the seeds, with the range in brackets; lower FD and KD are better.
Flips are on for all families but on digits. Photographs (landscapes, tiles) are stored as {photos}; squares of
landscapes are halves of one photograph and tiles overlap, so train and val are not independent there."""
ON_GPU = """**{collections}** were trained for {seconds:g} s by `{command}` on {where}. The time is that of {beside}
trainings beside each other on one GPU: alone, each would see several times as many images."""
ON_CPU = """**{collections}** were trained for {seconds:g} s of CPU time by `{command}` on {where}. Each training
has one thread, and its CPU time counts, which other programs change little."""


class Part(NamedTuple):
    """The rows and pictures of one run."""

    rows: list[Row]
    folder: Path

    @classmethod
    def read(cls, folder: Path) -> "Part":
        return cls([json.loads(line) for line in (folder / ROWS).read_text().splitlines()], folder)

    @property
    def machine(self) -> Row:
        return next(row for row in self.rows if row["kind"] == "machine")

    def collections(self) -> list[str]:
        """Those with scores, in the order of the page."""
        found = {row["collection"] for row in self.rows if row["kind"] == "score" and not row["is_long"]}
        return [name for name in COLLECTIONS if name in found]


def write_report(folders: Sequence[Path]) -> None:
    """Write benchmarks/results/families.md and its pictures from the folders of one or more runs."""
    found = [Part.read(folder) for folder in folders]
    first = found[0].machine
    texts = [ABOUT.format(photos=ENCODINGS["landscapes"], **first)]
    for part in found:
        texts += [where_and_when(part), settings_table(part.rows)]
    texts += ["## In short", summary(found)]
    texts += [NOTES.read_text()] if NOTES.exists() else []
    for part in found:
        with tarfile.open(part.folder / PICTURES) as pictures:
            for collection in part.collections():
                texts += section(part.rows, collection, pictures, part.machine["families"])
            texts += long_sections(part.rows, pictures)
    failed = [f"- {row['name']}: {row['reason']}" for part in found for row in part.rows if row["kind"] == "failed"]
    texts += ["## Not measured", "\n".join(failed)] if failed else []
    write_page("families", "Families compared", command_of(first), *texts, stamp=stamp_of(found[0]))


def where_and_when(part: Part) -> str:
    """Which collections were trained in a run, for how long, and where."""
    beside = sorted({count for name in part.collections() if (count := trainings_beside(part.rows, name))})
    text = ON_CPU if part.machine["device"] == "cpu" else ON_GPU
    return text.format(
        collections=", ".join(part.collections()).capitalize(),
        seconds=part.machine["seconds"],
        command=command_of(part.machine),
        where=stamp_of(part),
        beside=" to ".join(map(str, beside[:: max(1, len(beside) - 1)])),
    )


def command_of(machine: Row) -> str:
    """The command of a run."""
    return f"python -m benchmarks.families --train --device {machine['device']} --seconds {machine['seconds']:g}"


def stamp_of(part: Part) -> str:
    """Date, commit and machine of a run."""
    card = next((row["card"] for row in part.rows if row["kind"] == "real" and row["card"]), "")
    return ", ".join(filter(None, (part.machine["machine"], f"torch {part.machine['torch']}", card)))


def trainings_beside(rows: list[Row], collection: str) -> int:
    """How many trainings ran at once with this collection's: its own, and the long ones."""
    own = [row for row in of(rows, "training", collection) if not row["is_long"]]
    return len(own) + sum(row["kind"] == "training" and row["is_long"] for row in rows) if own else 0


def settings_table(rows: list[Row]) -> str:
    """What each family was trained with, from its first training."""
    trainings = [row for row in rows if row["kind"] == "training" and not row["is_long"]]
    first = {row["family"]: row for row in reversed(trainings)}
    names = ("batch_size", "width", "latent_dim", "learning_rate", "ema_half_life_nimg")
    lines = [
        [name, *(row["config"][one] for one in names), "yes" if row["is_recorded"] else "no"]
        for name, row in sorted(first.items())
    ]
    return table(["family", "batch", "width", "latents", "learning rate", "EMA half-life", "CUDA graph"], lines)


def summary(parts: Sequence[Part]) -> str:
    """One line for each collection: FD of judge 2 over the floor, at equal images and at equal time."""
    families = parts[0].machine["families"]
    head = ["collection", "equal images", *(f"{family}, equal images" for family in families)]
    head += [f"{family}, equal time" for family in families]
    lines = [summary_cells(part.rows, name, families) for part in parts for name in part.collections()]
    about = "FD of judge 2 as a multiple of the floor: 1 is what real training images score."
    return f"{about}\n\n{table(head, lines)}"


def summary_cells(rows: list[Row], collection: str, families: Sequence[str]) -> list[str]:
    """The line of a collection."""
    floor = next(iter(of(rows, "real", collection)))["scores"][JUDGE_2]
    scores = [row for row in of(rows, "score", collection) if not row["is_long"]]
    point = max((row["point"] for row in scores if row["at"] == "images"), default=0)
    cells = [
        ratio([row for row in scores if row["at"] == at and row["family"] == family], floor)
        for at in ("images", "time")
        for family in families
    ]
    return [collection, f"{point:,}" if point else "-", *cells]


def ratio(scores: list[Row], floor: float) -> str:
    """The mean over seeds as a multiple of the floor."""
    return f"{statistics.fmean(row['scores'][JUDGE_2] for row in scores) / floor:.1f}" if scores else "-"


def section(rows: list[Row], collection: str, pictures: tarfile.TarFile, families: Sequence[str]) -> Iterator[str]:
    """Both tables, the curve and the picture of a collection."""
    real = next(iter(of(rows, "real", collection)))
    scores = [row for row in of(rows, "score", collection) if not row["is_long"]]
    families = [family for family in families if any(row["family"] == family for row in scores)]
    side = f"{real['resolution']}x{real['resolution']}"
    yield f"## {collection}, {side}"
    yield f"{real['num_train']:,} training images, {real['num_val']:,} in val; floor of {real['num_images']:,} images."
    trainings = {(row["family"], row["seed"]): row for row in of(rows, "training", collection)}
    for at in ("images", "time"):
        chosen = [row for row in scores if row["at"] == at]
        yield f"**At equal {at}**" if chosen else f"At equal {at}: nothing, some training did not come so far."
        if chosen:
            lines = [score_cells(family, chosen, trainings) for family in families]
            yield table(
                ["family", "seeds", "images seen", "images/s", *COLUMNS.values()],
                [*filter(None, lines), floor_cells(real)],
            )
    yield "**FD of judge 2 on the way**, mean over the seeds"
    yield curve(scores, families)
    if place := save_picture(pictures, f"{collection}.png", f"families-{collection}"):
        rows_shown = "real images, then " + ", ".join(families)
        yield f"Two rows each, first seed, at equal time, no image was chosen: {rows_shown}."
        yield f"![{collection}: {rows_shown}]({place})"


def score_cells(family: str, scores: list[Row], trainings: dict[tuple[str, int], Row]) -> list[str]:
    """Return the cells of a family's row. Return an empty list if the family has no scores."""
    mine = [row for row in scores if row["family"] == family]
    if not mine:
        return []
    speeds = [
        training["nimg"] / training["seconds"] for row in mine if (training := trainings.get((family, row["seed"])))
    ]
    cells = [family, str(len(mine)), spread([row["nimg"] for row in mine], "{:,.0f}".format)]
    cells.append(spread(speeds, "{:,.0f}".format) if speeds else "-")
    return [*cells, *(spread([row["scores"][name] for row in mine]) for name in COLUMNS)]


def floor_cells(real: Row) -> list[str]:
    """The line of real training images."""
    return ["floor", "", "", "", *(f"{real['scores'][name]:.3g}" if name in real["scores"] else "" for name in COLUMNS)]


def spread(values: Sequence[float], shown: Callable[[float], str] = "{:.3g}".format) -> str:
    """Mean and range."""
    mean, least, most = (shown(value) for value in (statistics.fmean(values), min(values), max(values)))
    return mean if least == most else f"{mean} ({least} to {most})"


def curve(scores: list[Row], families: Sequence[str]) -> str:
    """FD of judge 2 at each point that was scored."""
    points = sorted({row["point"] for row in scores if row["point"]})
    lines = []
    for family in families:
        mine = [row for row in scores if row["family"] == family]
        last = [row for row in mine if row["at"] == "time"]
        found = [mean_of([row for row in mine if row["point"] == point]) for point in points]
        seen = f" after {statistics.fmean(row['nimg'] for row in last):,.0f}" if last else ""
        lines.append([family, *found, f"{mean_of(last)}{seen}"])
    return table(["family", *(f"{point:,}" for point in points), "at the end"], lines)


def mean_of(scores: list[Row]) -> str:
    """The mean FD of judge 2; empty without scores."""
    return f"{statistics.fmean(row['scores'][JUDGE_2] for row in scores):.0f}" if scores else ""


def long_sections(rows: list[Row], pictures: tarfile.TarFile) -> Iterator[str]:
    """Tables and pictures of the trainings that ran beside all others."""
    for training in [row for row in rows if row["kind"] == "training" and row["is_long"]]:
        names = (training["collection"], training["family"], training["seed"])
        scores = [
            row for row in rows if row["kind"] == "score" and (row["collection"], row["family"], row["seed"]) == names
        ]
        scores.sort(key=lambda row: row["nimg"])
        yield f"## {training['family']}: {training['collection']}, {training['seconds']:.0f} s"
        yield "It ran beside all other trainings. Its settings:"
        yield f"```json\n{json.dumps(changed(training['config']))}\n```"
        lines = [
            [f"{row['nimg']:,}", f"{row['seconds']:.0f}", *(f"{row['scores'][name]:.3g}" for name in COLUMNS)]
            for row in scores
        ]
        yield table(["images seen", "seconds", *COLUMNS.values()], lines)
        slug = "-".join(map(str, names))
        found = sorted(name for name in pictures.getnames() if name.startswith(f"{slug}-"))
        if found and (place := save_picture(pictures, found[-1], f"families-{training['family']}")):
            yield f"After {int(Path(found[-1]).stem.rpartition('-')[2]):,} images. No image was chosen."
            yield f"![{training['family']}]({place})"


def changed(config: Row) -> Row:
    """The settings of a training that differ from those of its family."""
    usual = TrainConfig.model_validate({"family": config["family"]}).model_dump(mode="json")
    found: Row = {"family": config["family"]}
    for name, value in config.items():
        if name in ("nimg", "health", "compute") or value == usual[name]:
            continue
        nested = isinstance(value, dict)
        found[name] = {key: one for key, one in value.items() if one != usual[name][key]} if nested else value
    return found


def save_picture(pictures: tarfile.TarFile, name: str, target: str) -> str:
    """Copy a picture beside the page, as JPEG if it is large; returns its file name, or nothing if there is none."""
    if name not in pictures.getnames() or not (file := pictures.extractfile(name)):
        return ""
    data, suffix = file.read(), "png"
    if len(data) > MOST_PNG_BYTES:
        smaller = io.BytesIO()
        Image.open(io.BytesIO(data)).convert("RGB").save(smaller, "JPEG", quality=88)
        data, suffix = smaller.getvalue(), "jpg"
    for other in ("png", "jpg"):
        (RESULTS / f"{target}.{other}").unlink(missing_ok=True)
    (RESULTS / f"{target}.{suffix}").write_bytes(data)
    return f"{target}.{suffix}"


def of(rows: Iterable[Row], kind: str, collection: str) -> list[Row]:
    """The rows of this kind about a collection."""
    return [row for row in rows if row["kind"] == kind and row["collection"] == collection]
