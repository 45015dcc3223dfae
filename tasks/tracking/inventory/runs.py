"""The runs of a home, from their run directories. Reads the JSON itself: the classes of a run's config import torch.

Reading all of a run takes a millisecond, and a home may have ten thousand of them. So names and times are read for all
runs, the rest for the runs that are asked for.
"""

import json
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, get_args

from tasks.home import Home
from tasks.tracking.inventory.files import folder_bytes, is_locked
from tasks.tracking.inventory.records import RunRecord, RunState
from tasks.trainer.costs.cost import Cost
from tasks.trainer.costs.goodput import Goodput
from tasks.trainer.costs.history import History

TAIL_BYTES = 2**16  # of stats.jsonl: holds the newest tick, whose line has less than 2 kB


class RunOrigin(NamedTuple):
    """What a run was made from, from its config.json alone. The fields are those of RunRecord."""

    name: str
    dataset: str
    dataset_version: str
    blend: list[str]
    init: str
    init_sha256: str


def list_run_names(home: Home) -> list[str]:
    """Return the names of the runs of the home, the one that changed last first. Reads no file."""
    folder = str(home.runs)
    if not home.runs.is_dir():
        return []
    times = ((name, _changed(f"{folder}/{name}")) for name in os.listdir(folder))  # noqa: PTH208
    known = [(name, time) for name, time in times if time is not None]
    return [name for name, _ in sorted(known, key=itemgetter(1), reverse=True)]


def find_origins(home: Home, names: Iterable[str], *texts: str) -> Iterator[RunOrigin]:
    """Yield the origins of those of the runs whose config.json has one of these texts.

    Only these files are parsed, because parsing takes longer than reading.
    """
    folder, wanted = str(home.runs), [text.encode() for text in texts if text]
    for name in names:
        try:
            with open(f"{folder}/{name}/config.json", "rb") as file:  # noqa: PTH123
                content = file.read()
        except OSError:  # it was just deleted
            continue
        if any(text in content for text in wanted) and (config := read_object(home.runs / name / "config.json")):
            facts = _from_config(config, 0, {})
            yield RunOrigin(name, *(facts[field] for field in RunOrigin._fields[1:]))


def _changed(folder: str) -> float | None:
    """Return when a run changed, in seconds since 1970; None if the folder is not a run."""
    # To make a Path takes longer than to ask for its time, and there may be ten thousand.
    try:
        changed = os.stat(f"{folder}/config.json").st_mtime  # noqa: PTH116
    except OSError:
        return None
    try:
        return os.stat(f"{folder}/status.json").st_mtime  # noqa: PTH116
    except OSError:
        return changed


def read_run(path: Path) -> RunRecord:
    """Return the record of one run directory."""
    status = read_object(path / "status.json") or {}
    state = read_state(path)
    training = state == "running"
    newest = _newest_tick(path / "stats.jsonl")
    nimg = int(newest.get("nimg", 0)) if training else int(status.get("nimg", 0))
    best = read_object(path / "checkpoints" / "best.json") or {}
    history = History(path).rows()
    goodput = Goodput.of(history)
    facts = {
        "name": path.name,
        "path": str(path),
        "state": state,
        "nimg": nimg,
        "reason": str(status.get("reason", "")),
        "images_per_second": newest.get("images_per_second"),
        "score_name": str(best.get("name", "")),
        "score": best.get("value"),
        "score_nimg": int(best.get("nimg", 0)),
        "goodput": goodput.words() if goodput else "",
        "cost": Cost.of_run(history),
        "bytes": folder_bytes(path),
        "started": _modified(path / "config.json"),
        "updated": _modified(path / "status.json") or _modified(path / "config.json"),
    }
    config = read_object(path / "config.json")
    if config is None:
        return RunRecord(**facts, problem=f"{path / 'config.json'} is not valid JSON")
    return RunRecord(**facts, **_from_config(config, nimg, newest if training else {}))


def _from_config(config: dict[str, Any], nimg: int, newest: dict[str, Any]) -> dict[str, Any]:
    train, network = config.get("train", {}), config.get("network", {})
    total = int(train.get("nimg", 0))
    speed = newest.get("images_per_second")
    return {
        "total_nimg": total,
        "seconds_left": max(total - nimg, 0) / speed if speed else None,
        "dataset": config.get("dataset", ""),
        "dataset_version": config.get("dataset_version", ""),
        "manifest": config.get("manifest", ""),
        "blend": [f"{one['dataset']}@{one['version']}" for one in config.get("parents", [])],
        "trusted_version": (config.get("trusted") or {}).get("version", ""),
        "family": network.get("family", ""),
        "resolution": network.get("resolution", 0),
        "image_width": network.get("image_width", 0),
        "init": train.get("init", ""),
        "init_sha256": config.get("init_sha256", ""),
        "commit": config.get("commit", ""),
        "settings": {"train": train, "network": network, "data": config.get("data", {})},
    }


def read_state(path: Path) -> RunState:
    """Return the state of a run directory as it is now: a trainer that was killed has left `running` behind."""
    if is_locked(path / "lock"):
        return "running"
    if is_locked(path / "follower"):
        return "waiting"
    written = str((read_object(path / "status.json") or {}).get("state", "new"))
    if written == "running" or written not in get_args(RunState):
        return "resumable"
    return written  # type: ignore[return-value]


def _newest_tick(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - TAIL_BYTES, 0))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return {}
    for line in reversed(lines):
        try:
            row = json.loads(line)
        except ValueError:  # cut off: by TAIL_BYTES, or by a trainer that was killed
            continue
        if isinstance(row, dict) and "event" not in row:
            return row
    return {}


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file. None if the file is missing or damaged."""
    try:
        content = json.loads(path.read_text(errors="replace"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _modified(path: Path) -> datetime | None:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.exists() else None
