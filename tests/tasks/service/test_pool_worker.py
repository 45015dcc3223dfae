"""The worker with a limit, and a run that comes back before its place is free."""

import asyncio
from types import SimpleNamespace
from uuid import uuid4

import anyio
import pytest
from prefect.states import State
from prefect.utilities.dispatch import lookup_type
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessWorker

from tasks.errors import RequestError
from tasks.service.pool_worker import PoolWorker
from tasks.service.provisioning import job_template


def offer_again(worker_class: type[ProcessWorker]) -> list[object]:
    """Offer a worker the run whose place it still holds."""

    async def offer() -> list[object]:
        worker = worker_class(work_pool_name="gpu", limit=1)
        worker._limiter = anyio.CapacityLimiter(1)
        run = SimpleNamespace(id=uuid4())
        worker._limiter.acquire_on_behalf_of_nowait(run.id)
        return list(await worker._submit_scheduled_flow_runs([SimpleNamespace(flow_run=run)]))

    return asyncio.run(offer())


def test_a_run_that_still_has_a_place_is_left_for_the_next_poll() -> None:
    assert offer_again(PoolWorker) == []


def test_prefects_own_worker_would_die_of_it() -> None:
    """Once this fails, tasks/service/pool_worker.py can go."""
    with pytest.raises(RuntimeError, match="already holding"):
        offer_again(ProcessWorker)


def test_prefect_takes_it_for_processes() -> None:
    assert lookup_type(BaseWorker, "process") is PoolWorker


@pytest.mark.parametrize("refused", ["command", "env", "working_dir", "image"])
def test_a_run_may_not_say_what_is_executed(refused: str) -> None:
    """The run is failed, and its place is free again; that nothing was executed is shown with a real server."""
    told: list[tuple[object, State[object]]] = []

    class Client:
        async def set_flow_run_state(self, flow_run_id: object, state: State[object], force: bool) -> None:
            assert force
            told.append((flow_run_id, state))

    async def submit() -> tuple[object, float]:
        worker = PoolWorker(work_pool_name="gpu", limit=1)
        worker._limiter = anyio.CapacityLimiter(1)
        worker._client = Client()  # type: ignore[assignment]
        run = SimpleNamespace(id=uuid4(), job_variables={refused: "touch pwned", "name": "harmless"})
        worker._limiter.acquire_on_behalf_of_nowait(run.id)
        return await worker._submit_run_and_capture_errors(run), worker._limiter.available_tokens

    error, free = asyncio.run(submit())
    assert isinstance(error, RequestError)
    assert refused in str(error)
    assert free == 1
    ((_, state),) = told
    assert state.is_failed()
    assert state.name == "Refused"


def test_the_pools_template_has_no_command() -> None:
    template = job_template()
    assert "command" not in template["variables"]["properties"]
    assert "command" not in template["job_configuration"]
    assert "env" in template["job_configuration"]  # deployments may set it
