"""Flow runs by state, the queues and the workers, from Prefect's REST API."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

STATES = ("SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING", "COMPLETED", "FAILED", "CRASHED", "CANCELLED")
WAITING = ["SCHEDULED", "PENDING"]
MOST_WAITING = 200  # the largest page that Prefect gives
TIMEOUT_SECONDS = 5.0


def collect_flow_runs(api_url: str, auth: tuple[str, str] | None) -> Iterator[Metric]:
    """Yield the figures of the Prefect server at `api_url`. Raises httpx.HTTPError if it does not answer."""
    with httpx.Client(base_url=api_url, auth=auth, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        yield _count_states(client)
        pools = [str(pool["name"]) for pool in _post(client, "/work_pools/filter", {})]
        yield from _measure_queues(client, pools)
        yield _count_workers(client, pools)


def _count_states(client: httpx.Client) -> Metric:
    runs = GaugeMetricFamily(
        "shardgan_flow_runs", "Flow runs that the Prefect server knows, by state.", labels=["state"]
    )
    for state in STATES:
        runs.add_metric([state.lower()], _count(client, {"type": {"any_": [state]}}))
    runs.add_metric(["late"], _count(client, {"name": {"any_": ["Late"]}}))  # these are also counted as scheduled
    return runs


def _count(client: httpx.Client, state: dict[str, Any]) -> float:
    return float(_post(client, "/flow_runs/count", {"flow_runs": {"state": state}}))


def _measure_queues(client: httpx.Client, pools: list[str]) -> Iterator[Metric]:
    now = datetime.now(UTC)
    due = {"state": {"type": {"any_": WAITING}}, "expected_start_time": {"before_": now.isoformat()}}
    query = {"flow_runs": due, "sort": "EXPECTED_START_TIME_ASC", "limit": MOST_WAITING}
    waits: dict[str, list[float]] = {pool: [] for pool in pools}
    for run in _post(client, "/flow_runs/filter", query):
        # A run that waits for its next attempt has its first start time too: the next one counts.
        since = datetime.fromisoformat(run.get("next_scheduled_start_time") or run["expected_start_time"])
        if run.get("work_pool_name") in waits and since <= now:
            waits[run["work_pool_name"]].append((now - since).total_seconds())
    length = GaugeMetricFamily("shardgan_queue_runs", "Flow runs that are due and wait for a worker.", labels=["pool"])
    oldest = GaugeMetricFamily(
        "shardgan_queue_oldest_seconds", "How long the oldest of these runs has waited.", labels=["pool"]
    )
    for pool, seconds in waits.items():
        length.add_metric([pool], len(seconds))
        oldest.add_metric([pool], max(seconds, default=0.0))
    yield length
    yield oldest


def _count_workers(client: httpx.Client, pools: list[str]) -> Metric:
    workers = GaugeMetricFamily("shardgan_workers", "Workers of the pool that are online.", labels=["pool"])
    for pool in pools:
        found = _post(client, f"/work_pools/{pool}/workers/filter", {})
        workers.add_metric([pool], sum(worker["status"] == "ONLINE" for worker in found))
    return workers


def _post(client: httpx.Client, path: str, content: dict[str, Any]) -> Any:
    return client.post(path, json=content).raise_for_status().json()
