"""The rows as tables and one figure; what was not run is not there, and the number of seeds stands in each line."""

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.collections.sharded import NAMES
from benchmarks.harness.figures import panels
from benchmarks.harness.page import RESULTS, table, write_page
from benchmarks.shield import detection, poisoning

NOTES = Path(__file__).with_name("notes.md")
KINDS = ("trigger", "patch", "blend", "splice", "foreign", "generated", "other generator", "fgsm", "pgd")
LEFT_OUT = {
    "trigger": "patch",
    "foreign": "foreign",
}  # the kind of forgery in training that a test's family belongs to, if the names differ
Row = dict[str, Any]


def write(poisoned: list[Row], heads: list[Row]) -> None:
    """Write benchmarks/results/shield.md, its rows as JSON lines, and the adaptive curves as a picture."""
    parts = [NOTES.read_text(), "## Poisoned streams", poisoning_table(poisoned)]
    if heads:
        parts += [
            "## Kinds of forgery, each left out of the lessons once",
            *(detection_table(heads, name) for name in NAMES),
            "## The attack on the head itself",
            adaptive_table(heads),
            "## Floods",
            flood_table(heads),
        ]
    write_page("shield", "The shield", "make bench-shield", *parts, ran="one thread")
    lines = [{"part": "poisoning", **row} for row in poisoned] + [{"part": "heads", **row} for row in heads]
    (RESULTS / "shield.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    draw_curves(heads, RESULTS / "shield-adaptive.png")


def poisoning_table(rows: list[Row]) -> str:
    """One line for each collection, rate and policy, over the seeds that were run."""
    head = ["collection", "poison", "gate", "seeds", "trigger in generated", "poison dropped", "clean dropped", "FD"]
    lines = []
    for collection in NAMES:
        for rate in sorted(poisoning.RATES):
            for policy in poisoning.POLICIES:
                wanted = (collection, rate, policy)
                found = [row for row in rows if (row["collection"], row["rate"], row["policy"]) == wanted]
                if found:
                    lines.append([collection, f"{rate:.0%}", policy, str(len(found)), *_poisoned_cells(found)])
    return table(head, lines)


def _poisoned_cells(rows: list[Row]) -> list[str]:
    gated = rows[0]["policy"] == "gate"
    caught = _share(row["poison_dropped"] for row in rows) if gated and rows[0]["rate"] else ""
    lost = _share(row["clean_dropped"] for row in rows) if gated else ""
    return [_share(row["uptake"] for row in rows), caught, lost, _spread(row["distance"] for row in rows)]


def detection_table(rows: list[Row], collection: str) -> str:
    """AUROC and TPR at 1 % FPR, of the discriminator, of the head, and of the head that never saw the kind."""
    mine = [row for row in rows if row["collection"] == collection]
    whole = [row for row in mine if row["left_out"] == "nothing"]
    if not whole:
        return ""
    head = [collection, "discriminator", "head", "kind left out", "head, saved as JPEG", "left out, saved as JPEG"]
    lines = []
    for kind in KINDS:
        family = LEFT_OUT.get(kind, kind)
        without = [row for row in mine if row["left_out"] == family]
        cells = [_scores(whole, "discriminator", kind), _scores(whole, "head", kind), _scores(without, "head", kind)]
        cells += [_scores(whole, "head", f"{kind} saved"), _scores(without, "head", f"{kind} saved")]
        lines.append([kind, *cells])
    seeds = "One seed" if len(whole) == 1 else f"{len(whole)} seeds"
    return f"{seeds}; AUROC / TPR at 1 % FPR, means.\n\n" + table(head, lines)


def _scores(rows: list[Row], judge: str, kind: str) -> str:
    if not rows:
        return ""
    pairs = [row[judge][kind] for row in rows]
    return f"{mean(pair[0] for pair in pairs):.3f} / {mean(pair[1] for pair in pairs):.2f}"


def adaptive_table(rows: list[Row]) -> str:
    """AUROC / TPR at 1 % FPR by the attack's radius, for heads with and without adversarial training batches."""
    head = ["collection", "forgery", "lessons", "seeds", *(f"{epsilon}/255" for epsilon in detection.EPSILONS)]
    lines = []
    for (collection, lessons, kind), found in _curves(rows).items():
        points = list(zip(*found, strict=True))
        cells = [f"{mean(one[1] for one in point):.3f} / {mean(one[2] for one in point):.2f}" for point in points]
        lines.append([collection, kind, lessons, str(len(found)), *cells])
    return table(head, lines) + "\n\n![AUROC against the reach of the adaptive attack](shield-adaptive.png)"


def _curves(rows: list[Row]) -> dict[tuple[str, str, str], list[Any]]:
    found: dict[tuple[str, str, str], list[Any]] = {}
    for row in rows:
        lessons = {"nothing": "adversarial", "plain": "plain"}.get(row["left_out"])
        if lessons:
            for kind, curve in row["adaptive"].items():
                found.setdefault((row["collection"], lessons, kind), []).append(curve)
    return dict(sorted(found.items()))


def flood_table(rows: list[Row]) -> str:
    """How many of the copies are found, and how many other images are taken for copies."""
    lines = []
    for collection in NAMES:
        found = [row["flood"] for row in rows if row["collection"] == collection and row["flood"]]
        if found:
            shares = [_share(one[name] for one in found) for name in ("found", "false_alarms")]
            lines.append([collection, str(len(found)), *shares])
    return table(["collection", "seeds", "copies found", "others taken for copies"], lines)


def draw_curves(rows: list[Row], path: Path) -> None:
    """The adaptive curves, one panel a collection."""
    curves = _curves(rows)
    names = sorted({collection for collection, *_ in curves})
    if not names:
        return
    with panels(path, names, width=5, sharey=True) as axes:
        for axis, name in zip(axes, names, strict=True):
            for (collection, lessons, kind), found in curves.items():
                if collection == name:
                    heights = [mean(curve[n][1] for curve in found) for n in range(len(found[0]))]
                    style = "-" if lessons == "adversarial" else ":"
                    colour = {"trigger": "tab:blue", "splice": "tab:orange"}.get(kind, "tab:green")
                    label = f"{kind}, {lessons}"
                    axis.plot(detection.EPSILONS, heights, style, color=colour, marker="o", label=label)
            axis.axhline(0.5, color="0.7", linewidth=1)
            axis.set(xlabel="epsilon, in 255ths", ylim=(0, 1.02), xticks=detection.EPSILONS)
        axes[0].set_ylabel("AUROC")
        axes[-1].legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False)


def _share(values: Iterable[float]) -> str:
    every = list(values)
    return f"{100 * mean(every):.2f} % (most {100 * max(every):.2f} %)" if len(every) > 1 else f"{100 * every[0]:.2f} %"


def _spread(values: Iterable[float]) -> str:
    every = list(values)
    return f"{mean(every):.0f} ± {stdev(every):.0f}" if len(every) > 1 else f"{every[0]:.0f}"
