"""The live page of a training: live.html beside the sample grids, and its data in live.js.

A browser lets a page that was opened as a file include scripts and pictures, but not fetch data. So the page includes
live.js again and again, and live.js calls the page's `show` with what the training has reached.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.reports.charts import chart_title, column_points, group_columns
from tasks.reports.report import flatten_config, page_environment

__all__ = ["LiveData", "live_script", "render_live_page"]

SHARES = {"mfu_share": "MFU", "gpu_busy_share": "GPU busy", "host_share": "host wait", "data_share": "data wait"}
DIVERSITY = {"overall": "all images", "within": "within classes"}
WATTS = {"gpu_watts": "GPU", "cpu_watts": "CPU"}
LOADER_STAGES = {
    "fetch": ("Fetching shards", "copying shards from their store, checking their hashes, finding their samples"),
    "read": ("Reading", "reading the bytes of samples from shards"),
    "decode": ("Decoding", "turning the bytes of images into pixels"),
    "shuffle": ("Shuffling", "computing the order of samples"),
    "collate": ("Collating", "putting pixels into batches"),
    "idle": ("Idle", "waiting until the training takes a batch"),
}
LIMITING_SHARE = 0.1  # of its time a training waits for data: from here on the loader limits it
MAX_EVENTS = 20  # the newest ones
DIGITS = 5  # of the points of a curve


@dataclass(frozen=True)
class LiveData:
    """What the page shows, as plain values.

    `updated` is in seconds since 1970, `seconds_left` is None while it cannot be estimated. `stats`, `events` and
    `scores` are lines of stats.jsonl and scores.jsonl; `grids` are the images seen at the sample grids. `parts` are the
    seconds since the run was asked for, by what they went into. `spent` says in words what the training took.
    """

    state: str
    nimg: int
    total: int
    updated: float
    reason: str = ""
    seconds_left: float | None = None
    stats: Sequence[Mapping[str, float]] = ()
    events: Sequence[Mapping[str, Any]] = ()
    scores: Sequence[Mapping[str, Any]] = ()
    grids: Sequence[int] = ()
    pictures: Sequence[str] = field(default_factory=list)
    parts: Mapping[str, float] = field(default_factory=dict)
    spent: str = ""


def render_live_page(
    run: str, about: str, columns: Sequence[str], config: Mapping[str, Any], parts: Mapping[str, str]
) -> str:
    """Give the page of the training `run`. `columns` names the columns of its grids, if each shows a class.

    `parts` are the names of what time goes into, each with what it means; the first is the useful part.
    """
    template = page_environment().get_template("live.html.j2")
    settings = list(flatten_config(config))
    return template.render(run=run, about=about, columns=columns, config=settings, parts=parts)


def live_script(data: LiveData) -> str:
    """Give the content of live.js: one call with the data as JSON, in ASCII."""
    charts = [_chart(group, columns, data.stats) for group, columns in group_columns(data.stats).items()]
    if diversity := _diversity_chart(data.scores):
        charts.insert(0, diversity)
    for name in dict.fromkeys(row["name"] for row in data.scores):
        points = [[row["nimg"], _rounded(row["value"])] for row in data.scores if row["name"] == name]
        charts.insert(0, {"group": name, "title": f"{name} on few images", "curves": [{"name": "", "points": points}]})
    speed = data.stats[-1].get("images_per_second") if data.stats else None
    shown = {
        "state": data.state,
        "reason": data.reason,
        "nimg": data.nimg,
        "total": data.total,
        "updated": data.updated,
        "speed": speed,
        "left": data.seconds_left,
        "machine": _machine(data.stats[-1]) if data.stats else [],
        "loader": loader_figures(data.stats[-1]) if data.stats else {},
        "parts": {name: round(seconds, 1) for name, seconds in data.parts.items()},
        "spent": data.spent,
        "grids": list(data.grids),
        "pictures": list(data.pictures),
        "events": [dict(event) for event in data.events[-MAX_EVENTS:]],
        "charts": [chart for chart in charts if any(len(curve["points"]) > 1 for curve in chart["curves"])],
    }
    return f"show({json.dumps(shown, separators=(',', ':'))});\n"


def _machine(row: Mapping[str, float]) -> list[str]:
    """What the newest tick says of the machine, in words. Only what was measured."""
    said = [f"{name} {row[column]:.0%}" for column, name in SHARES.items() if column in row]
    said += [f"{name} {row[column]:.0f} W" for column, name in WATTS.items() if column in row]
    memory = row.get("gpu_memory_bytes", row.get("memory_bytes"))
    return said + ([f"memory {memory / 1e9:.1f} GB"] if memory else [])


def loader_figures(row: Mapping[str, float]) -> dict[str, Any]:
    """Give what a tick says of the loader: one sentence, and each stage with its seconds and images per second.

    Empty for a training that loads nothing, because its images are in memory.
    """
    seconds = {stage: row[f"loader_{stage}_seconds"] for stage in LOADER_STAGES if f"loader_{stage}_seconds" in row}
    if not sum(seconds.values()):
        return {}
    stages = [
        {"name": LOADER_STAGES[stage][0], "about": LOADER_STAGES[stage][1], **_pace(row, stage)} for stage in seconds
    ]
    waiting = row.get("data_share", 0.0)
    return {
        "words": loader_words(seconds, waiting),
        "stages": stages,
        "wait": _pace(row, "wait") | {"share": waiting},
    }


def _pace(row: Mapping[str, float], stage: str) -> dict[str, float]:
    """The seconds of one stage of the loader, and its images per second, 0 if that is not known."""
    speed = row.get(f"loader_{stage}_images_per_second", 0.0)
    return {"seconds": row.get(f"loader_{stage}_seconds", 0.0), "speed": speed}


def loader_words(seconds: Mapping[str, float], waiting: float) -> str:
    """Say which stage of the loader limits the training, or that none does.

    `seconds` are those of each stage; without worker processes there is no `idle`. `waiting` is the share of its time
    for which the training waits for data.
    """
    slowest = max(seconds, key=lambda stage: seconds[stage])
    share = f"{seconds[slowest] / sum(seconds.values()):.0%}"
    waits = f"the training waits for images for {waiting:.0%} of its time"
    whose = "the workers' time" if "idle" in seconds else "the time for loading"
    if waiting < LIMITING_SHARE:
        idle = f"the workers are idle for {share} of their time, and " if slowest == "idle" else ""
        return f"The loader does not limit: {idle}{waits}."
    if slowest == "idle":
        return f"Passing batches to the training limits: the workers wait for {share} of their time, and {waits}."
    return f"{LOADER_STAGES[slowest][0]} limits: {share} of {whose}; {waits}."


def _chart(group: str, columns: Mapping[str, str], stats: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    curves = [
        {"name": name, "points": [[round(x), _rounded(y)] for x, y in column_points(column, stats)]}
        for column, name in columns.items()
    ]
    return {"group": group, "title": chart_title(group), "curves": curves}


def _diversity_chart(scores: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The diversity of the scored images over all and within classes, as far as the lines hold it."""
    found = [(row["nimg"], row["diversity"]) for row in scores if row.get("diversity")]
    curves = []
    for key, name in DIVERSITY.items():
        points = [[nimg, _rounded(diversity[key])] for nimg, diversity in found if diversity[key] is not None]
        curves += [{"name": name, "points": points}] if points else []
    return {"group": "diversity", "title": "Diversity (real images: 1)", "curves": curves} if curves else None


def _rounded(value: float) -> float:
    """The value in few digits, which is exact enough for a curve."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    return round(value, DIGITS - 1 - math.floor(math.log10(abs(value))))
