"""The trainings of a home, from their run directories: states, speed, health events and outages.

Reads the JSON itself: the classes of a run directory import torch.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from tasks.home import Home
from tasks.tracking.inventory.records import RunState
from tasks.tracking.inventory.runs import read_object, read_state

ACTIVE = ("running", "waiting")  # waiting: a process follows the run, and its trainer is between two starts


class RunLines:
    """The lines of one run's stats.jsonl and outages.jsonl, each read once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: Counter[str] = Counter()
        self.outages: Counter[str] = Counter()
        self.newest: dict[str, Any] = {}
        self._places: dict[str, tuple[int, int]] = {}

    def read(self) -> None:
        """Read what is new."""
        rows, replaced = self._new_lines("stats.jsonl")
        if replaced:  # a resumed trainer has cut it back to its checkpoint
            self.events.clear()
            self.newest = {}
        for row in rows:
            if "event" in row:
                self.events[str(row["event"])] += 1
            else:
                self.newest = row
        rows, _ = self._new_lines("outages.jsonl")
        self.outages.update(str(row.get("server", "")) for row in rows)

    @property
    def changed(self) -> float | None:
        """When the newest tick was written, in seconds since 1970."""
        try:
            return (self.path / "stats.jsonl").stat().st_mtime
        except FileNotFoundError:
            return None

    def _new_lines(self, name: str) -> tuple[list[dict[str, Any]], bool]:
        """Return the new complete lines of a file, and whether it is another file than before."""
        inode_before, offset = self._places.get(name, (0, 0))
        try:
            with (self.path / name).open("rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                replaced = inode != inode_before
                file.seek(0 if replaced else offset)
                whole, newline, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return [], False
        self._places[name] = (inode, (0 if replaced else offset) + len(whole) + len(newline))
        return list(_objects(whole.splitlines())), replaced


class TrainingFigures:
    """Figures of all runs by state, and of each active run."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._lines: dict[str, RunLines] = {}

    def collect(self) -> Iterator[Metric]:
        """Yield the figures. Only runs that train now have a label of their own, so old runs cost no series."""
        states = {path.parent.name: read_state(path.parent) for path in self.home.runs.glob("*/config.json")}
        yield _count_states(states)
        active = [name for name, state in states.items() if state in ACTIVE]
        self._lines = {name: self._lines.get(name) or RunLines(self.home.runs / name) for name in active}
        for lines in self._lines.values():
            lines.read()
        yield from self._measure()
        yield from self._count_events()

    def _measure(self) -> Iterator[Metric]:
        speed = GaugeMetricFamily(
            "shardgan_training_images_per_second", "Speed of the training.", labels=["run", "dataset", "family"]
        )
        seen = GaugeMetricFamily("shardgan_training_images", "Images that the training has seen.", labels=["run"])
        wanted = GaugeMetricFamily(
            "shardgan_training_target_images", "Images that the training shall see.", labels=["run"]
        )
        memory = GaugeMetricFamily(
            "shardgan_training_memory_bytes",
            "Memory that the trainer uses: of its GPU, or of the machine.",
            labels=["run"],
        )
        ticked = GaugeMetricFamily(
            "shardgan_training_tick_timestamp_seconds", "When the newest tick was written, since 1970.", labels=["run"]
        )
        for name, lines in self._lines.items():
            config = read_object(lines.path / "config.json") or {}
            wanted.add_metric([name], float(config.get("train", {}).get("nimg", 0)))
            if lines.changed:
                ticked.add_metric([name], lines.changed)
            if not lines.newest:
                continue
            labels = [name, str(config.get("dataset", "")), str(config.get("network", {}).get("family", ""))]
            speed.add_metric(labels, float(lines.newest.get("images_per_second", 0)))
            seen.add_metric([name], float(lines.newest.get("nimg", 0)))
            memory.add_metric([name], float(lines.newest.get("memory_bytes", 0)))
        yield from (speed, seen, wanted, memory, ticked)

    def _count_events(self) -> Iterator[Metric]:
        events = CounterMetricFamily(
            "shardgan_training_health_events", "Health events of the training.", labels=["run", "event"]
        )
        outages = CounterMetricFamily(
            "shardgan_training_outages", "How often a server failed during the training.", labels=["run", "server"]
        )
        for name, lines in self._lines.items():
            for event, count in lines.events.items():
                events.add_metric([name, event], count)
            for server, count in lines.outages.items():
                outages.add_metric([name, server], count)
        yield from (events, outages)


def _count_states(states: dict[str, RunState]) -> Metric:
    trainings = GaugeMetricFamily("shardgan_trainings", "Trainings of this home, by state.", labels=["state"])
    found = Counter(states.values())
    for state in get_args(RunState):
        trainings.add_metric([state], found[state])
    return trainings


def _objects(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:  # a trainer was killed while it wrote
            continue
        if isinstance(row, dict):
            yield row
