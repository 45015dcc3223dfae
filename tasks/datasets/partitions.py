"""Sharding on a Dask cluster: one Prefect task per partition. Each task is retried on its own.

The flow that calls this must run under a DaskTaskRunner; the cluster's workers must see the same source and root.
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

from prefect import task
from prefect.futures import PrefectFuture

from shards import PartitionSpec, process_partition

IN_FLIGHT = 64


@task(retries=2, retry_delay_seconds=5, task_run_name="partition-{spec.name}")
def decode_partition(spec: PartitionSpec) -> str:
    """Decode, transform and encode one partition of the listing. Return its part file."""
    return process_partition(spec)


def run_on_cluster(specs: Iterator[PartitionSpec]) -> Iterator[str]:
    """Send a limited number of partitions at a time to the flow's task runner. Yield their part files in order.

    The listing may have any length: it is never held in memory as a whole.
    """
    running: deque[PrefectFuture[Any]] = deque(decode_partition.submit(spec) for spec in islice(specs, IN_FLIGHT))
    while running:
        yield running.popleft().result()
        running.extend(decode_partition.submit(spec) for spec in islice(specs, 1))
