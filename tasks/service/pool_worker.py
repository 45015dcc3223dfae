"""Prefect's process worker with one fault mended; `python -m tasks.service.pool_worker` is `prefect` with it.

A run that comes back (crashed, then resumed or retried) before the worker has given its place free makes Prefect 3.8's
worker with a limit die, with all that runs in it: "this borrower is already holding one of this CapacityLimiter's
tokens". On a busy machine that place is held for half a minute after the crash.
"""

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prefect.cli import app
from prefect.workers.process import ProcessWorker

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

warnings.filterwarnings("ignore", "Type 'PoolWorker'")  # that it takes the place of Prefect's own is the point


class PoolWorker(ProcessWorker):
    """Takes the place of Prefect's worker of the type `process` once this module is imported."""

    type = "process"

    async def _submit_scheduled_flow_runs(self, flow_run_response: Iterable[Any]) -> "list[FlowRun]":
        """Leave a run that still has a place here to the next poll."""
        placed = self._limiter.statistics().borrowers if self._limiter else ()
        ready = [entry for entry in flow_run_response if entry.flow_run.id not in placed]
        return await super()._submit_scheduled_flow_runs(ready)


if __name__ == "__main__":
    app()
