"""How well the two judges agree, with each other and with an eye: `python -m benchmarks.judges` (`make bench-judges`).

Real images are made worse in known steps, and generators of three families are taken from short trainings. Writes
benchmarks/results/judges.md, judges.png and judges-steps.png. What was measured is kept and not measured again.
"""

import argparse

import numpy as np
import torch
from PIL import Image

from benchmarks.collections.sharded import sharded
from benchmarks.harness.figures import panels
from benchmarks.harness.page import RESULTS, table, write_page
from benchmarks.harness.rows import Row
from benchmarks.judges.agreement import SHOWN, choices, correlation, loss, pairs, together
from benchmarks.judges.degradations import ALTERED, SELECTED, UNITS, alter, steps
from benchmarks.judges.measuring import COUNT, degraded, generators
from models.metrics.judges import LABELS
from shards import Dataset

MEASURED = ("FD", "recall", "coverage", "diversity")
RESOLUTIONS = {"digits": 32, "emoji": 64}


def main() -> None:
    """Measure the collections that are asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collections", default="digits,emoji", help="names, with commas")
    parser.add_argument("--families", default="dcgan,vae,r3", help="families to train, with commas; empty: none")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each family")
    parser.add_argument("--kept", action="store_true", help="write the page of what was measured; train nothing")
    given = parser.parse_args()
    torch.set_num_threads(1)
    families = [name for name in given.families.split(",") if name]
    datasets = {name: sharded(name, RESOLUTIONS[name]) for name in given.collections.split(",")}
    real = {name: degraded(dataset) for name, dataset in datasets.items()}
    made = {name: generators(dataset, families, given.seeds, given.kept) for name, dataset in datasets.items()}
    draw(real, made)
    show_steps(datasets)
    tables = [part for name in datasets for part in describe(name, real[name], made[name])]
    parts = [ABOUT, FOUND, *tables, NOT_COVERED]
    flags = f"--collections {given.collections} --families '{given.families}' --seeds {given.seeds}"
    flags += " --kept" if given.kept else ""
    command = f"python -m benchmarks.judges {flags}"
    write_page("judges", "Do the two judges agree, and with what an eye sees?", command, *parts, ran="one thread")


ABOUT = f"""Judge 1 is EfficientNet-Lite0, which training uses. Judge 2 is MobileNetV2, which decides about promotions.
Both see the same images at 112 pixels: {COUNT} images in each set, against the val split.

**With an eye.** Real images of the train split are made worse in four known steps of six kinds. Everybody orders the
steps of one kind in the same way, so a judge that agrees has a rank correlation of 1 with the order (Spearman;
untouched images are the fifth step). Scores where higher is better are counted with the opposite sign.

**With each other.** The rank correlation of the two judges' scores over all of these sets, and over generators at four
checkpoints of short trainings: averaged weights, classes as in the val split. In brackets: 95 % intervals by Fisher's z
with the error of Bonett & Wright (2000).

![a degraded image of each kind](judges-steps.png)

![the distances of both judges](judges.png)"""

FOUND = """## What it shows (digits and emoji, 2026-11-27)

- **The distances follow the eye.** FD and KD of both judges order the steps of every kind as they are made, with two
  exceptions: FD on emoji with missing classes (0.80 for both judges; three fifths of the emoji are people, and these
  go missing at the last step only), and KD of judge 1 on copies of digits (0.90).
- **The judges agree about the orders of damaged real images.** Over 25 sets the rank correlation is 0.97 for FD on
  digits and on emoji, and at least 0.96 for KD, recall and coverage.
- **About generators they agree less.** On digits, 16 generators have a rank correlation of 0.81 (0.47 to 0.94) for FD.
  Of two generators whose FD under judge 1 differs by more than a factor of 1.2, judge 2 puts 81 of 86 pairs in the same
  order; of closer ones 21 of 34, little more than chance. The families differ most: judge 1 puts r3 after 750 images
  (549) beside the vae after 3,000 (522), judge 2 far behind it (405 and 285). On emoji, the 8 generators are all about
  as bad as each other, and nothing is shown: 0.14 (-0.63 to 0.77), 26 of 28 pairs are closer than a factor of 1.2, and
  of these 14 are ordered alike.
- **Choosing the best checkpoint by judge 1** gave the best one under judge 2 in five of six trainings, each time the
  last one. In the sixth, the vae on emoji, it cost 9 % (772 instead of the last one's 709).
- **They disagree about which kind of damage is worse.** Judge 1 punishes noise more (digits with noise of 20: FD 392,
  blur of 1.6: 190; judge 2: 262 and 298). Judge 2 punishes JPEG more: digits at quality 50 cost judge 1 a factor of
  1.4, judge 2 one of 2.3.
- **Precision and density do not notice what is missing.** Copies and one repeated image are real images, so these two
  scores stay or rise. Recall does not notice one image that makes up half of the set. Coverage falls with all six
  kinds.
- **Diversity notices collapse, not copies.** One image repeated has 0, half a set of it 0.72 to 0.79 (both judges), the
  strongest blur 0.40 to 0.64, but 20 images repeated still 0.87 to 0.95. Under judge 1, generators have 0.67 to 0.90 on
  digits and 0.35 to 0.61 on emoji, and dcgan on emoji 0.14 after 3,000 images."""

NOT_COVERED = """## What this does not say

- No person was asked. The eye's order is known within one kind of damage only; whether strong blur is worse than strong
  noise is not known here, so the judges' opinions on that are only compared with each other.
- Both nets were trained on ImageNet's labels. What neither was trained to see, neither can judge.
- Generators come from short trainings, so they are poor. Agreement about two good generators is harder and is not
  shown. A training that was not measured is not in the tables: r3 on emoji, and second seeds but that of the vae on
  digits.
- The intervals treat the checkpoints of a training as independent of each other. They are not, so the intervals are too
  narrow.
- One seed or two, and few images in each set: differences of a few percent mean nothing."""


def describe(name: str, real: list[Row], made: list[Row]) -> list[str]:
    """The tables of one collection."""
    generators_of = [made_table(made), pairs(made), choices(made)] if made else []
    return [f"## {name}", eye_table(real), set_table(real), together(real, made), *generators_of]


def eye_table(rows: list[Row]) -> str:
    """The rank correlation of each score with the order of the steps."""
    lines = []
    for kind in (*SELECTED, *ALTERED):
        chosen = [row for row in rows if row["kind"] in ("none", kind)]
        order = [row["step"] for row in chosen]
        cells = [correlation(order, [loss(row, judge, name) for row in chosen]) for name in SHOWN for judge in LABELS]
        pairs = [f"{one} / {other}" for one, other in zip(cells[::2], cells[1::2], strict=True)]
        lines.append([f"{kind} ({UNITS[kind]})", *pairs])
    return f"Rank correlation with the order of the steps, judge 1 / judge 2:\n\n{table(['kind', *SHOWN], lines)}"


def set_table(rows: list[Row]) -> str:
    """The distances and recall of each set."""
    lines = [[row["kind"], f"{row['value']:g}", *(pair(row, name) for name in MEASURED)] for row in rows]
    return f"Scores, judge 1 / judge 2:\n\n{table(['kind', 'strength', *MEASURED], lines)}"


def made_table(rows: list[Row]) -> str:
    """The scores of the generators."""
    shown = (*SHOWN, "diversity")
    lines = [[row["family"], row["seed"], f"{row['nimg']:,}", *(pair(row, name) for name in shown)] for row in rows]
    return f"Generators, judge 1 / judge 2:\n\n{table(['family', 'seed', 'images seen', *shown], lines)}"


def pair(row: Row, name: str) -> str:
    """A score of both judges."""
    return " / ".join(f"{row['scores'][judge][name]:.3g}" for judge in LABELS)


def draw(real: dict[str, list[Row]], made: dict[str, list[Row]]) -> None:
    """The distance of judge 2 over that of judge 1: a line for each kind of damage, a cross for each generator."""
    first, second = LABELS
    with panels(RESULTS / "judges.png", list(real), width=6) as axes:
        for axis, name in zip(axes, real, strict=True):
            for kind in (*SELECTED, *ALTERED):
                rows = [row for row in real[name] if row["kind"] in ("none", kind)]
                axis.plot(*([row["scores"][judge]["FD"] for row in rows] for judge in LABELS), "o-", label=kind)
            for family in dict.fromkeys(row["family"] for row in made[name]):
                rows = [row for row in made[name] if row["family"] == family]
                axis.plot(*([row["scores"][judge]["FD"] for row in rows] for judge in LABELS), "x--", label=family)
            axis.set(xscale="log", yscale="log", xlabel=f"FD of judge 1, {first}", ylabel=f"FD of judge 2, {second}")
            axis.legend(frameon=False, fontsize="small")


def show_steps(datasets: dict[str, Dataset]) -> None:
    """One image of each collection: a row for each kind of damage that alters images, weak to strong."""
    strips = []
    for dataset in datasets.values():
        image = dataset.open_split("train").images[:1]
        shown = [[image, *(alter(image, step) for step in steps({kind: values}))] for kind, values in ALTERED.items()]
        rows = [np.concatenate([colour(one) for one in row], axis=1) for row in shown]
        strips.append(np.concatenate(rows, axis=0))
    Image.fromarray(np.concatenate(strips, axis=1)).save(RESULTS / "judges-steps.png")


def colour(image: np.ndarray) -> np.ndarray:
    """One image, uint8 1CHW, as 96 x 96 x 3."""
    pixels = np.broadcast_to(image[0], (3, *image.shape[2:])).transpose(1, 2, 0)
    with Image.fromarray(np.ascontiguousarray(pixels)) as picture:
        return np.asarray(picture.resize((96, 96), Image.Resampling.NEAREST))


if __name__ == "__main__":
    main()
