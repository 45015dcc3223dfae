"""`Inventory`: what a home holds, each part read when it is asked for the first time, and only once."""

from functools import cached_property
from typing import Literal, get_args

from tasks.home import Home
from tasks.tracking.inventory.datasets import list_datasets
from tasks.tracking.inventory.models import list_versions
from tasks.tracking.inventory.records import DatasetRecord, RunRecord, VersionRecord
from tasks.tracking.inventory.runs import list_run_names, read_run
from tasks.tracking.model_ref import CHAMPION

Kind = Literal["datasets", "runs", "models"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Thing = DatasetRecord | RunRecord | VersionRecord


class Inventory:
    """The datasets, runs and registered versions of a home. Each list is read when it is asked for the first time."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._runs: dict[str, RunRecord] = {}

    @cached_property
    def datasets(self) -> list[DatasetRecord]:
        """All dataset versions."""
        return list_datasets(self.home)

    @cached_property
    def run_names(self) -> list[str]:
        """The names of all runs, the one that changed last first. They are read without the runs."""
        return list_run_names(self.home)

    @cached_property
    def runs(self) -> list[RunRecord]:
        """All runs. Thousands of them take seconds, so `run` or `newest_runs` is better where it suffices."""
        return self.newest_runs(len(self.run_names))

    def newest_runs(self, most: int) -> list[RunRecord]:
        """Return the runs that changed last, at most so many."""
        return [found for name in self.run_names[:most] if (found := self.run(name))]

    def run(self, name: str) -> RunRecord | None:
        """Return the run of this name, if it is here. No other run is read."""
        if name not in self._runs and name and "/" not in name and (self.home.runs / name / "config.json").is_file():
            self._runs[name] = read_run(self.home.runs / name)
        return self._runs.get(name)

    @cached_property
    def models(self) -> list[VersionRecord]:
        """All registered versions that are not in the trash. One that became champion since then counts."""
        return [one for one in self.registered if not one.deleted or CHAMPION in one.aliases]

    @cached_property
    def registered(self) -> list[VersionRecord]:
        """All registered versions, also those that `shardgan delete` has marked."""
        return list_versions(self.home)

    @cached_property
    def by_weights(self) -> dict[str, VersionRecord]:
        """The registered versions by the sha256 of their weights, the first one where several have the same."""
        return {one.weights_sha256: one for one in reversed(self.registered) if one.weights_sha256}

    def of_kind(self, kind: Kind) -> list[Thing]:
        """Return the things of one kind."""
        return list(getattr(self, kind))
