"""The comparison as a Markdown file and a picture of what each generator makes."""

from typing import Any

from benchmarks.families.generation import Cost
from benchmarks.harness.page import table, write_page

SHOWN = ("FD-EffNetLite0", "KD-EffNetLite0", "precision", "recall", "coverage")


def write_table(results: list[dict[str, Any]], costs: list[Cost], threads: int) -> None:
    """Write benchmarks/results/families-32.md; the FD of every checkpoint stands beside the last one's scores."""
    head = ["collection", "family", *SHOWN, "images/s in training", "images/s generated", "generator's MB"]
    head.append("FD while training")
    about = (
        f"Each training sees {results[0]['nimg']:,} images of 32x32, conditional. Scores of the averaged generator: "
        "2,000 images against the val split at 112 pixels; lower FD and KD are better. In brackets: 95 % intervals."
    )
    rows = table(head, map(row, results, costs))
    write_page(
        "families-32", "Families compared at 32x32", "make bench-families", about, rows, ran=f"{threads} threads"
    )


def row(result: dict[str, Any], cost: Cost) -> list[str]:
    """One line of the table."""
    last = result["curve"][-1]
    cells = [result["collection"], result["name"], *(cell(last, name) for name in SHOWN)]
    cells += [f"{result['images_per_second']:.0f}", f"{cost.generated_per_second:,.0f}"]
    cells.append(f"{cost.weights_bytes / 1e6:.2f}")
    cells.append(", ".join(f"{point['scores']['FD-EffNetLite0']:.0f}" for point in result["curve"]))
    return cells


def cell(point: dict[str, Any], name: str) -> str:
    """A score with its interval."""
    value, interval = point["scores"][name], point["intervals"].get(name)
    return f"{value:.3g}" + (f" ({interval[0]:.3g}-{interval[1]:.3g})" if interval else "")
