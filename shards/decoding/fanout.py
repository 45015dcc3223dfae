"""Processes partitions on this machine with several threads, each with its own decoder child.

The threads only copy bytes from a pipe to a file. The children decode.
"""

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from itertools import islice

from shards.decoding.partition import PartitionSpec, Row, process_partition
from shards.decoding.sandbox import Decoder

_WAKE_SECONDS = 0.25


def run_locally(
    specs: Iterator[PartitionSpec], workers: int, on_row: Callable[[Row], None], on_wake: Callable[[], None]
) -> Iterator[str]:
    """Process partitions and yield their part files when they are finished, in any order.

    Only a few specs are taken ahead, so a listing of any length fits in memory. `on_wake` is called several times per
    second in the calling thread.
    """
    idle: queue.SimpleQueue[Decoder | None] = queue.SimpleQueue()
    for _ in range(workers):
        idle.put(None)
    with ExitStack() as decoders, ThreadPoolExecutor(workers) as pool:

        def work(spec: PartitionSpec) -> str:
            decoder = idle.get() or decoders.enter_context(spec.decoder())
            try:
                return process_partition(spec, decoder, on_row)
            finally:
                idle.put(decoder)

        running = {pool.submit(work, spec) for spec in islice(specs, 2 * workers)}
        try:
            while running:
                done, running = wait(running, timeout=_WAKE_SECONDS, return_when=FIRST_COMPLETED)
                on_wake()
                running |= {pool.submit(work, spec) for spec in islice(specs, len(done))}
                yield from (future.result() for future in done)
        except BaseException:
            _abandon(pool, running)
            raise


def _abandon(pool: ThreadPoolExecutor, running: "set[Future[str]]") -> None:
    pool.shutdown(wait=False, cancel_futures=True)
    for future in running:
        future.cancel()
