"""Health events of a training while it runs: one warning per event, and one table of all events in Prefect."""

import logging
from collections.abc import Iterable
from typing import Any

from prefect.artifacts import create_table_artifact

from tasks.flow_runs.artifacts import in_run
from tasks.tracking.outages import not_needed

logger = logging.getLogger(__name__)
KEY = "health"
COLUMNS = {"nimg": "images", "event": "event", "action": "action", "reason": "reason"}


class HealthReport:
    """Reports each event once. Outside a flow run it creates no artifact."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.told: list[dict[str, Any]] = []

    def update(self, events: Iterable[dict[str, Any]]) -> None:
        """Report the events (lines of stats.jsonl) that are new."""
        fresh = [event for event in events if event not in self.told]
        for event in fresh:
            where = f"{event['event']} at {event['nimg']:,} images"
            logger.warning("%s: %s, %s: %s", self.title, where, event["action"], event["reason"])
        self.told += fresh
        if fresh and in_run():
            table = [{COLUMNS[key]: event[key] for key in COLUMNS} for event in self.told]
            with not_needed("the table of health events"):
                create_table_artifact(table, KEY, description=f"{self.title}: health events")
