"""The comparison as a Markdown file, curves, and grids beside each other, from the rows that there are."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.collections.sharded import NAMES
from benchmarks.harness import page
from benchmarks.harness.figures import panels
from benchmarks.harness.page import RESULTS, write_page
from benchmarks.robust.arms import LONG_NIMG, NIMG, QUALITIES, WIDTH
from benchmarks.robust.training import CACHE, PROTOCOL, distance, mean, rows

NOTES = Path(__file__).with_name("notes.md")
MODES = {"off": "plain", "known": "known", "known0": "known, consistency 0", "learned": "learned"}
COLOURS = {"off": "#b5543c", "known": "#2f6f8f", "known0": "#9cc0d3", "learned": "#7d8f2f", "clean": "#555555"}
SHOWN = ("FD-EffNetLite0", "KD-EffNetLite0")
Rows = dict[str, dict[str, Any]]


def write_report() -> None:
    """Write robust-training.md, its curves and its grids."""
    found = rows()
    protocol = next(iter(found.values()))["protocol"] if found else {}
    about = (
        "dcgan at 32x32, conditional, set as in [families](families-32.md): "
        + "; ".join(f"{name} {NIMG[name]:,} images seen" for name in NAMES)
        + f", width {WIDTH}. All scores are of {PROTOCOL.num_images:,} images against the **clean** val split, at "
        f"{PROTOCOL.input_size} pixels; lower is better. In round brackets the seeds that the mean is of, in square "
        f"ones a 95 % interval. Feature net {protocol.get('feature_net', '')}, weights "
        f"{str(protocol.get('weights_sha256', ''))[:12]}, seed {protocol.get('seed', '')}."
    )
    head = ["collection", "trained on", "compression", "FD", "of plain", "KD", "learnt"]
    scores = page.table(head, [cells for collection in NAMES for cells in table(found, collection)])
    pictures = [f"![{name}: real JPEGs, plain, known, trained on clean images](robust-{name}.png)" for name in NAMES]
    curves = "![Distance to the clean images while training](robust-training.png)"
    title, parts = "Compression-robust training", [about, scores, curves, *pictures, NOTES.read_text()]
    write_page("robust-training", title, "make bench-robust", *parts, ran="1 thread a training")
    draw_curves(found)
    for collection in NAMES:
        draw_grids(collection)


def table(found: Rows, collection: str) -> list[list[str]]:
    """The cells of one collection: files, then trainings."""
    lines = []
    for quality in (0, *QUALITIES):
        where = f"JPEG {quality}" if quality else "clean"
        prefix = f"{collection}-{f'q{quality}' if quality else 'clean'}"
        files = of_kind(found, f"{prefix}-files")
        lines += [line(collection, f"({where} training images themselves)", "", files, [])] if files else []
        lines += trained(found, collection, where, prefix, "")
        lines += trained(found, collection, f"{where}, {LONG_NIMG:,} images seen", prefix, "-long")
    return lines


def trained(found: Rows, collection: str, where: str, prefix: str, suffix: str) -> list[list[str]]:
    """The cells of the trainings on one set of files."""
    plain = of_kind(found, f"{prefix}-off{suffix}")
    each_mode = {mode: of_kind(found, f"{prefix}-{mode}{suffix}") for mode in MODES}
    return [
        line(collection, where, MODES[mode], arms, plain if mode != "off" else [])
        for mode, arms in each_mode.items()
        if arms
    ]


def of_kind(found: Rows, kind: str) -> list[dict[str, Any]]:
    """The rows of one arm at its end, by seed."""
    return [row for name, row in sorted(found.items()) if row["kind"] == kind and "@" not in name]


def line(collection: str, where: str, mode: str, arms: list[dict[str, Any]], plain: list[dict[str, Any]]) -> list[str]:
    """One line of the table; the ratio is taken over the seeds that both have."""
    fd, kd = (written(mean(arms, name), name) + each(arms, name) for name in SHOWN)
    pairs = list(zip(arms, plain, strict=False))
    ratio = f"{mean([a for a, _ in pairs]) / mean([p for _, p in pairs]):.2f}" if pairs else ""
    return [collection, where, mode, fd, ratio, kd, learnt(arms)]


def written(value: float, name: str) -> str:
    """A Fréchet distance to the unit, a kernel distance to the thousandth."""
    return f"{value:.0f}" if name.startswith("FD") else f"{value:.3f}"


def each(arms: list[dict[str, Any]], name: str) -> str:
    """Every seed's score, or the interval where there is but one."""
    if len(arms) > 1:
        return f" ({', '.join(written(distance(row, name), name) for row in arms)})"
    low, high = (written(end, name) for end in arms[0]["intervals"][name])
    return f" [{low} to {high}]"


def learnt(arms: list[dict[str, Any]]) -> str:
    """What the compressor came to."""
    if "compression_quality" not in arms[0]:
        return ""
    said = ["quality " + ", ".join(f"{row['compression_quality']:.0f}" for row in arms)]
    if "compression_subsampled" in arms[0]:
        said.append("4:2:0 " + ", ".join(f"{row['compression_subsampled']:.2f}" for row in arms))
    return "; ".join(said)


def draw_curves(found: Rows) -> None:
    """FD over images seen, seed 0, one panel a collection and quality."""
    shown = [(name, quality) for name in NAMES for quality in QUALITIES if has_curves(found, name, quality)]
    if not shown:
        return
    titles = [f"{collection}, JPEG {quality}" for collection, quality in shown]
    with panels(RESULTS / "robust-training.png", titles) as axes:
        for axis, (collection, quality) in zip(axes, shown, strict=True):
            for mode, name in MODES.items():
                curve(axis, found, f"{collection}-q{quality}-{mode}", name, COLOURS[mode])
            curve(axis, found, f"{collection}-clean-off", "plain on clean images", COLOURS["clean"])
            for files in of_kind(found, f"{collection}-q{quality}-files"):
                axis.axhline(distance(files), color="black", linestyle=":", linewidth=1, label="the JPEG files")
            axis.set(xlabel="images seen", xlim=(0, None), ylim=(0, None))
        axes[0].set_ylabel("FD to clean images")
        axes[0].legend(fontsize=7, frameon=False, loc="upper right")  # the panel that has all of them


def has_curves(found: Rows, collection: str, quality: int) -> bool:
    """Whether any training on these files was scored before its end."""
    return any(name.startswith(f"{collection}-q{quality}-") and "@" in name for name in found)


def curve(axis: Any, found: Rows, kind: str, label: str, colour: str) -> None:
    """One arm's seed 0."""
    points = sorted((row["nimg"], distance(row)) for name, row in found.items() if name.startswith(f"{kind}-dcgan-0"))
    if points:
        axis.plot(*np.array(points).T, marker="o", markersize=3, color=colour, label=label)


def draw_grids(collection: str, rows_shown: int = 4) -> None:
    """Real JPEGs, plain, known and clean-trained samples of seed 0 beside each other."""
    names = [f"{collection}-q15-off", f"{collection}-q15-known", f"{collection}-clean-off"]
    folders = [CACHE / f"{name}-dcgan-0" / "samples" for name in names]
    grids = [sorted(folder.glob("0*.png")) for folder in folders]
    if not all(grids):
        return
    paths = [folders[0] / "real.png", *(grid[-1] for grid in grids)]
    pictures = [Image.open(path) for path in paths]
    height = rows_shown * 34 + 2
    cut = [picture.crop((0, 0, picture.width, height)).convert("RGB") for picture in pictures]
    gap = 12
    canvas = Image.new("RGB", (sum(one.width + gap for one in cut) - gap, height), "white")
    left = 0
    for one in cut:
        canvas.paste(one, (left, 0))
        left += one.width + gap
    canvas.save(RESULTS / f"robust-{collection}.png", optimize=True)
