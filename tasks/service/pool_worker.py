"""Prefect's process worker with two changes; `python -m tasks.service.pool_worker` is `prefect` with this worker.

1. A flow run may not choose what its process executes. Prefect reads a command, environment variables and a working
   folder from the "job variables" of each run. Anybody who may start a run could execute any program on the worker.
2. A crashed run that is resumed or retried waits until the worker has released its slot. With a limit, Prefect 3.8's
   worker crashes on such a run, together with all its other runs: "this borrower is already holding one of this
   CapacityLimiter's tokens". On a busy machine the slot is held for half a minute after the crash.
"""

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prefect.cli import app
from prefect.states import Failed
from prefect.workers.process import ProcessWorker

from tasks.errors import RequestError
from tasks.service.children.parents import end_with_parent

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

warnings.filterwarnings("ignore", "Type 'PoolWorker'")  # it replaces Prefect's own worker on purpose
HARMLESS = {"name", "labels", "stream_output"}  # job variables that do not change what is executed


class PoolWorker(ProcessWorker):
    """Replaces Prefect's worker of the type `process` when this module is imported."""

    type = "process"

    async def _submit_scheduled_flow_runs(self, flow_run_response: Iterable[Any]) -> "list[FlowRun]":
        """Leave a run that still holds a slot to the next poll."""
        placed = self._limiter.statistics().borrowers if self._limiter else ()
        ready = [entry for entry in flow_run_response if entry.flow_run.id not in placed]
        return await super()._submit_scheduled_flow_runs(ready)

    async def _submit_run_and_capture_errors(self, flow_run: "FlowRun", task_status: Any = None) -> Any:
        """Fail a run that chooses what to execute. A deployment's job variables are allowed: an operator wrote them."""
        if not (refused := sorted(set(flow_run.job_variables or {}) - HARMLESS)):
            return await super()._submit_run_and_capture_errors(flow_run, task_status)
        error = RequestError(
            f"the job variables {', '.join(refused)} of this run are refused: they change what the worker executes. "
            "Start the run without them, or set them in the deployment"
        )
        await self.client.set_flow_run_state(flow_run.id, Failed(name="Refused", message=str(error)), force=True)
        self._release_limit_slot(flow_run.id)
        if task_status is not None:
            task_status.started(error)
        return error


if __name__ == "__main__":
    end_with_parent()
    app()
