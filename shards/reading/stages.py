"""Where the time of a reader goes: the seconds of each of its stages."""

import time

STAGES = ("fetch", "read", "decode", "shuffle", "collate")
IDLE = "idle"


class StageClock:
    """Adds the time since the last call to a stage. It reads a clock once per call, so it can run for every image.

    `fetch`: copy a shard from its store, check its hash and find its samples, or wait for the worker that does it.
    `read`: read the bytes of a sample. `decode`: turn bytes into pixels. `shuffle`: compute the order. `collate`: put
    the pixels into the batch. `idle`: wait until somebody wants a batch.
    """

    def __init__(self) -> None:
        self._seconds = dict.fromkeys((*STAGES, IDLE), 0.0)
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Add the time since the last call to this stage."""
        now = time.perf_counter()
        self._seconds[stage] += now - self._last
        self._last = now

    def take(self) -> dict[str, float]:
        """Return the seconds of each stage since the last `take`."""
        taken, self._seconds = self._seconds, dict.fromkeys(self._seconds, 0.0)
        return taken
