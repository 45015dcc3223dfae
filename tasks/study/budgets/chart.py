"""The one plot of a comparison: a row for each arm, by budget, with its distance to the clean images."""

from tasks.reports.figures import INK, ONE, QUIET, TWO, new_axes, to_svg
from tasks.study.budgets.config import name_budget
from tasks.study.budgets.results import ArmResult, BudgetResults

WIDTH, ROW, MARGIN = 660.0, 19.0, 46.0
DOT = 7.0  # points across
HEAD, LOWERED = 1.6, 0.5  # rows that the name of a budget takes, and how far it stands below the rows before


def draw_budgets(results: BudgetResults) -> str:
    """Draw the arms of each budget, the closest to the clean images on top, as SVG."""
    score = results.judges[-1]
    num_rows = len(results.arms) + HEAD * len(results.budgets)
    axes = new_axes(WIDTH, MARGIN + ROW * num_rows)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    rows: list[tuple[float, ArmResult]] = []
    heads: list[tuple[float, int]] = []
    place = 0.0
    for budget in results.budgets:
        heads.append((place + LOWERED, budget))
        place += HEAD
        for one in results.ranked(budget, score):
            rows.append((place, one))
            place += 1
    for place, one in rows:
        distance, colour = one.distance(score), TWO if one.robust else ONE
        axes.plot([distance.low, distance.high], [place] * 2, color=colour)
        axes.plot([distance.value] * 2, [place] * 2, color=colour, linewidth=DOT, solid_capstyle="round")
    ticks = [(place, _label(one)) for place, one in rows] + [(place, name_budget(budget)) for place, budget in heads]
    axes.set_yticks([place for place, _ in ticks], [label for _, label in ticks])
    for text, (_, label) in zip(axes.get_yticklabels(), ticks, strict=True):
        text.set_color(INK)
        if label in {name_budget(budget) for _, budget in heads}:
            text.set_fontweight("bold")
    axes.set_ylim(num_rows - 0.4, -0.2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel(f"{score} to the clean val images: further left is better", color=QUIET)
    axes.margins(x=0.04)
    return to_svg(axes, f"Distance of each codec to the clean images, by budget: {score}")


def _label(one: ArmResult) -> str:
    return f"{one.name} · {'all ' if one.arm.is_all else ''}{one.arm.num_images:,} images"
