"""What stops a command: Ctrl-C, SIGTERM, or a closed terminal (SIGHUP). All three arrive as KeyboardInterrupt."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_received: list[int] = []


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Within it, each of STOPPING raises KeyboardInterrupt once; what comes later does not disturb the ending.

    Ctrl-C counts each time: a person who presses it again does not want to wait.
    """
    _received.clear()
    for number in STOPPING:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays nohup
            signal.signal(number, _stop)
    yield


def stopped_by() -> int:
    """The number of the signal that came first."""
    return _received[0] if _received else int(signal.SIGINT)


def _stop(number: int, _frame: FrameType | None) -> None:
    _received.append(number)
    if number == signal.SIGINT or len(_received) == 1:
        raise KeyboardInterrupt
