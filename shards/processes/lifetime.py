"""Children that do not outlive the process that started them."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(number: int = signal.SIGTERM, parent: int | None = None) -> None:
    """Ask Linux to send the signal `number` when the parent process dies, so that this process is not left behind.

    `parent` is the id of the process that started this one, if it is known. This process exits at once when that
    parent has already died. The request also holds for a program that replaces this one.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)
    if parent is not None and parent != os.getppid():
        sys.exit("the process that started this one has already died")
