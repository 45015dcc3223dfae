"""The worker with a limit, and a run that comes back before its place is free."""

import asyncio
from types import SimpleNamespace
from uuid import uuid4

import anyio
import pytest
from prefect.utilities.dispatch import lookup_type
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessWorker

from tasks.service.pool_worker import PoolWorker


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
