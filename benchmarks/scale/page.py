"""The page of what was measured: a table of the stages, a table of the registry, and the plot of growth."""

from collections.abc import Iterator, Mapping, Sequence
from math import log
from pathlib import Path

from benchmarks.harness.figures import panels
from benchmarks.harness.page import RESULTS, table, write_page
from benchmarks.harness.rows import Row
from benchmarks.scale.registry import LARGE, SMALL
from benchmarks.scale.stages import STAGES

DRAWN = STAGES[:1] + STAGES[2:7]
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b")
NOTES = Path(__file__).with_name("notes.md")


def write(stages: Sequence[Row], registry: Sequence[Row]) -> None:
    """Write benchmarks/results/scale.md and scale.png."""
    by_stage = {stage: {row["number"]: row for row in stages if row["stage"] == stage} for stage in STAGES}
    sizes = sorted({row["number"] for row in stages})
    draw(by_stage, RESULTS / "scale.png")
    head = ["stage", *(f"CPU s, {size:,}" for size in sizes), "slope", *(f"MB, {size:,}" for size in sizes), "times"]
    rows = [[stage, *_cells(found, sizes)] for stage, found in by_stage.items()]
    loads = [load for row in (*stages, *registry) for load in row["loads"]]
    commits = ", ".join(dict.fromkeys(row["commit"] for row in (*stages, *registry) if row["commit"]))
    write_page(
        "scale",
        "A million images, and a registry of 10,000 runs",
        "make bench-scale",
        f"![CPU seconds and memory of each stage against the number of files]({'scale.png'})",
        "## A collection",
        table(head, rows),
        "## A registry",
        table(["question", *_titles("CPU s"), *_titles("seconds")], _answers(registry)),
        NOTES.read_text(),
        ran=f"load average from {min(loads)} to {max(loads)} while it ran, measured at {commits}",
    )


def _cells(found: Mapping[int, Row], sizes: Sequence[int]) -> Iterator[str]:
    yield from (f"{found[size]['cpu']:,.1f}" if size in found else "-" for size in sizes)
    known = sorted(found)[-2:]
    slope = (
        log(found[known[-1]]["cpu"] / found[known[0]]["cpu"]) / log(known[-1] / known[0]) if len(known) > 1 else None
    )
    yield f"{slope:.2f}" if slope is not None else "-"
    yield from (f"{found[size]['peak_mb']:,.0f}" if size in found else "-" for size in sizes)
    yield f"{found[known[-1]]['peak_mb'] / found[known[0]]['peak_mb']:.2f}" if len(known) > 1 else "-"


def _titles(unit: str) -> list[str]:
    return [f"{unit}, {size.versions:,} versions, {size.runs:,} runs" for size in (SMALL, LARGE)]


def _answers(registry: Sequence[Row]) -> Iterator[list[str]]:
    for what in dict.fromkeys(row["what"] for row in registry):
        found = {row["versions"]: row for row in registry if row["what"] == what}
        rows = [found.get(size.versions) for size in (SMALL, LARGE)]
        cells = [f"{row[unit]:.2f}" if row else "-" for unit in ("cpu", "seconds") for row in rows]
        yield [f"`{what}`" if what.startswith("shardgan") else what, *cells]


def draw(by_stage: Mapping[str, Mapping[int, Row]], path: Path) -> None:
    """Draw CPU seconds and peak memory of the stages against the number of files."""
    with panels(path, ["CPU seconds", "memory of the largest process, MB"], width=5.5) as (seconds, memory):
        for stage, colour in zip(DRAWN, COLOURS, strict=True):
            found = by_stage[stage]
            sizes = sorted(found)
            for axis, unit in ((seconds, "cpu"), (memory, "peak_mb")):
                axis.plot(sizes, [found[size][unit] for size in sizes], marker="o", color=colour, label=stage)
        seconds.plot([10_000, 1_000_000], [0.5, 50], color="#999999", linestyle=":", label="linear")
        for axis in (seconds, memory):
            axis.set(xscale="log", yscale="log", xlabel="files")
            for side in (axis.xaxis, axis.yaxis):
                side.set_major_formatter("{x:,.0f}")
                side.set_minor_formatter("")
            axis.grid(visible=True, color="#dddddd", linewidth=0.6)
        memory.set_yticks([30, 100, 300, 1000, 3000])
        seconds.legend(fontsize=8, frameon=False)
