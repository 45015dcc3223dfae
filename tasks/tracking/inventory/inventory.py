"""`Inventory`: everything in a home, read once."""

from functools import cached_property
from typing import Literal, get_args

from tasks.home import Home
from tasks.tracking.inventory.datasets import list_datasets
from tasks.tracking.inventory.models import list_versions
from tasks.tracking.inventory.records import DatasetRecord, RunRecord, VersionRecord
from tasks.tracking.inventory.runs import list_runs
from tasks.tracking.model_ref import CHAMPION

Kind = Literal["datasets", "runs", "models"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Thing = DatasetRecord | RunRecord | VersionRecord


class Inventory:
    """The datasets, runs and registered versions of a home. Each list is read when it is asked for the first time."""

    def __init__(self, home: Home) -> None:
        self.home = home

    @cached_property
    def datasets(self) -> list[DatasetRecord]:
        """All dataset versions."""
        return list_datasets(self.home)

    @cached_property
    def runs(self) -> list[RunRecord]:
        """All runs."""
        return list_runs(self.home)

    @cached_property
    def models(self) -> list[VersionRecord]:
        """All registered versions that are not in the trash. One that became champion since then counts."""
        return [one for one in self.registered if not one.deleted or CHAMPION in one.aliases]

    @cached_property
    def registered(self) -> list[VersionRecord]:
        """All registered versions, also those that `shardgan delete` has marked."""
        return list_versions(self.home)

    def of_kind(self, kind: Kind) -> list[Thing]:
        """Return the things of one kind."""
        return list(getattr(self, kind))
