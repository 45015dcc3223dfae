"""Waiting for what another process does, without guessing how long it takes."""

import select
import time
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["wait_until"]

PATIENCE_SECONDS = 540.0  # nothing here takes a tenth of it on an idle machine


class Process(Protocol):
    """A process that may have ended, as subprocess.Popen."""

    def poll(self) -> int | None: ...


def wait_until(
    condition: Callable[[], Any],
    seconds: float = PATIENCE_SECONDS,
    what: str = "it",
    alive: Process | None = None,
) -> Any:
    """What `condition` gives as soon as that is true; fails after `seconds`, or where `alive` has ended before."""
    asked = time.monotonic()
    deadline = asked + seconds
    while not (found := condition()):
        assert alive is None or alive.poll() is None, f"the process ended before {what} happened"
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s"
        took = time.monotonic() - asked
        select.select([], [], [], min(max(10 * took, 0.01), 1))  # asking, of a server too, is to slow nothing down
        asked = time.monotonic()
    return found
