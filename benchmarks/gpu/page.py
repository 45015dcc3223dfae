"""The page of one run: figures beside today's and the goals, then every part."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.gpu.sizes import FULL, SMOKE, Case, Sizes
from benchmarks.harness.page import table

NOTES = Path(__file__).with_name("notes.md")  # what the committed page says; written by hand
Row = list[str]
AUGMENTED_GOAL, SCORING_GOAL, BUSY_GOAL = 0.8, 60.0, 0.9
WAITING_GOALS = {"device memory": 0.02, "host memory": 0.02, "decoded by workers": 0.05}


class Goal(NamedTuple):
    """One line of the first table. `found` is None where it was not measured."""

    name: str
    before: str
    goal: str
    found: float | None
    shown: str
    is_met: bool


def render(found: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    sizes = SMOKE if found["is_smoke"] else FULL
    parts = found["parts"]
    machine = parts.get("machine", {}).get("results", {})
    versions = ", ".join(f"{name} {version}" for name, version in machine.get("packages", {}).items())
    title = "# The engine on one GPU" + (" (smoke run on a CPU: the figures mean nothing)" if found["is_smoke"] else "")
    about = (
        f"{machine.get('when', '')}, commit {found.get('commit') or 'unknown'}, "
        f"{machine.get('card', 'unknown card')}, {machine.get('cores', '?')} cores "
        f"beside it, load {machine.get('load', 0.0):.1f}, Python {machine.get('python', '?')}, {versions}; "
        f"{found.get('seconds', 0):.0f} s in all"
    )
    head = ["what", "before (H200)", "goal (H200)", "found", ""]
    rows = [[one.name, one.before, one.goal, one.shown, verdict(one)] for one in goals(sizes, parts)]
    texts = [title, f"`{found['command']}`", about, "## Goals", table(head, rows)]
    texts += ["## Training", table(SPEED_HEAD, speed_rows(parts))]
    texts += ["## Checks", table(["check", "result"], check_rows(parts))]
    texts += ["## Parts", table(["part", "state", "seconds", "CPU seconds", "reason"], part_rows(parts))]
    return "\n\n".join(texts) + "\n"


def verdict(goal: Goal) -> str:
    if goal.found is None:
        return "not measured"
    return "met" if goal.is_met else "not met"


def goals(sizes: Sizes, parts: Mapping[str, Any]) -> Iterator[Goal]:
    """Every goal with what was found."""
    for part, cases in (("r3", sizes.r3), ("dcgan", sizes.dcgan)):
        for case in cases:
            if case.goal is not None:
                name, best = fastest(parts, part, case, leave_out=sizes.penalties)
                shown = f"{best:,.0f} images/s ({name})" if best else "-"
                before = f"{case.before:,.0f}" if case.before else "-"
                yield Goal(
                    case.name, before, f"{case.goal:,.0f} images/s", best, shown, bool(best and best >= case.goal)
                )
    yield augmented_goal(sizes, parts)
    busy = max((row.get("busy", 0.0) for row in variants(parts, "dcgan", sizes.dcgan[0]).values()), default=0.0)
    yield share_goal(f"GPU busy, {sizes.dcgan[0].name}", "38 %", busy or None, BUSY_GOAL, at_least=True)
    seconds = results(parts, "scoring").get("seconds")
    shown = f"{seconds:.1f} s" if seconds else "-"
    name = f"{sizes.num_scored:,} images made and scored"
    yield Goal(name, "-", f"{SCORING_GOAL:.0f} s", seconds, shown, bool(seconds and seconds <= SCORING_GOAL))
    for source, most in WAITING_GOALS.items():
        waiting = results(parts, "data").get(source, {}).get("waiting")
        yield share_goal(f"waiting for data, {source}", "-", waiting, most, at_least=False)


def augmented_goal(sizes: Sizes, parts: Mapping[str, Any]) -> Goal:
    """The speed with augmentation as a share of the speed without."""
    augmented = next(case for case in sizes.dcgan if case.augmented)
    plain = next(case for case in sizes.dcgan if not case.augmented and case.batch == augmented.batch)
    speeds = [fastest(parts, "dcgan", case)[1] for case in (augmented, plain)]
    share = speeds[0] / speeds[1] if all(speeds) else None
    return share_goal("with augmentation, of without", "63 %", share, AUGMENTED_GOAL, at_least=True)


def share_goal(name: str, before: str, found: float | None, goal: float, *, at_least: bool) -> Goal:
    is_met = found is not None and (found >= goal if at_least else found <= goal)
    sign = "at least" if at_least else "at most"
    return Goal(name, before, f"{sign} {goal:.0%}", found, "-" if found is None else f"{found:.1%}", is_met)


def results(parts: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = parts.get(name, {}).get("results", {})
    return found


def variants(parts: Mapping[str, Any], part: str, case: Case) -> dict[str, dict[str, Any]]:
    """The figures of each variant of a case that ran."""
    found = results(parts, part).get(case.name, {})
    return {name: row for name, row in found.items() if "images_per_second" in row}


def fastest(parts: Mapping[str, Any], part: str, case: Case, leave_out: Collection[str] = ()) -> tuple[str, float]:
    """The fastest variant of a case and its images per second; 0 where none ran."""
    found = {name: row for name, row in variants(parts, part, case).items() if name not in leave_out}
    name = max(found, key=lambda one: float(found[one]["images_per_second"]), default="")
    return name, float(found[name]["images_per_second"]) if name else 0.0


SPEED_HEAD = ["training", "variant", "images/s", "ms a step", "first step", "GPU busy", "kernels a step"]
SPEED_HEAD += ["convolutions a step", "GFLOP an image", "MFU", "peak memory", "power"]


def speed_rows(parts: Mapping[str, Any]) -> Iterator[Row]:
    """One line for each variant of each training."""
    for part in ("r3", "dcgan", "projected"):
        for case, rows in results(parts, part).items():
            for variant, row in rows.items():
                yield [case, variant, *([row["failed"]] if "failed" in row else speed_cells(row))]


def speed_cells(row: Mapping[str, Any]) -> Row:
    formats = {
        "images_per_second": "{:,.0f}",
        "step_ms": "{:.1f}",
        "first_step_seconds": "{:.1f} s",
        "busy": "{:.0%}",
        "kernels": "{:.0f}",
        "convolutions": "{:.0f}",
        "flop_per_image": "{:.2f}",
        "mfu": "{:.1%}",
        "peak_memory_bytes": "{:.1f} GiB",
        "watts": "{:.0f} W",
    }
    scales = {"flop_per_image": 1e9, "peak_memory_bytes": 2**30}
    return [
        "-" if row.get(name) is None else text.format(row[name] / scales.get(name, 1)) for name, text in formats.items()
    ]


def check_rows(parts: Mapping[str, Any]) -> Iterator[Row]:
    """What the parts about correctness found."""
    for part in ("exact", "memory", "ranks", "nets", "compiled", "data", "scoring"):
        for name, value in results(parts, part).items():
            yield [f"{part}: {name}", in_words(value)]


def in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {in_words(part)}" for name, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else " ".join(str(value).replace("|", "/").split())


def part_rows(parts: Mapping[str, Any]) -> Iterator[Row]:
    """How each part ended."""
    for name, part in parts.items():
        reason = part["reason"].strip().splitlines()[-1:] or [""]
        yield [name, part["state"], f"{part['seconds']:.1f}", f"{part['cpu_seconds']:.1f}", reason[0].replace("|", "/")]
