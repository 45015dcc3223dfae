"""A clock that charges all time of a program to named kinds of work."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

REST = "other"


class Clock:
    """Charges each moment to exactly one kind of work, so that the kinds add up to the whole time.

    Work inside other work counts only as the inner kind. Time outside of any `spend` counts as `other`.
    """

    def __init__(self) -> None:
        self._kind = REST
        self._since = time.perf_counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def spend(self, kind: str) -> Iterator[None]:
        """Charge the time of this block to `kind`."""
        outer = self._switch(kind)
        try:
            yield
        finally:
            self._switch(outer)

    def move(self, seconds: float, kind: str, other: str) -> None:
        """Charge so many of the seconds of `kind` to `other`: what they were spent on was known only afterwards."""
        self._seconds[kind] -= seconds
        self._seconds[other] += seconds

    def take(self) -> Mapping[str, float]:
        """Return the seconds by kind since the last call, and start again from zero."""
        self._switch(self._kind)
        taken, self._seconds = self._seconds, defaultdict(float)
        return taken

    def _switch(self, kind: str) -> str:
        now = time.perf_counter()
        self._seconds[self._kind] += now - self._since
        self._since = now
        before, self._kind = self._kind, kind
        return before
