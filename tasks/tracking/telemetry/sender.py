"""Sends lineage events in a thread, so that a receiver that is away neither fails nor slows a run."""

import atexit
import contextvars
import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)
TIMEOUT_SECONDS = 3.0  # of one request, and of all that is left when the process ends
SWITCHES = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG")
TRANSPORT = "OPENLINEAGE__TRANSPORT"


def is_configured() -> bool:
    """Return whether the environment asks for lineage events, with the variables of the OpenLineage client."""
    if os.environ.get("OPENLINEAGE_DISABLED", "").lower() == "true":
        return False
    return any(os.environ.get(name) for name in SWITCHES) or any(name.startswith(TRANSPORT) for name in os.environ)


class Sender:
    """Sends events in order. If the receiver fails, it says so once, and that event is lost."""

    def __init__(self, emit: Callable[[Any], None]) -> None:
        self.emit = emit
        self.warned = False
        self.waiting: queue.Queue[Any] = queue.Queue()
        # In the context of the run, so that a warning is among the lines of the run.
        context = contextvars.copy_context()
        self.thread = threading.Thread(target=context.run, args=(self._send_all,), name="lineage", daemon=True)
        self.thread.start()
        atexit.register(self.close)

    def send(self, event: Any) -> None:
        """Send an event soon."""
        self.waiting.put(event)

    def close(self, seconds: float = TIMEOUT_SECONDS) -> None:
        """Wait until all events are sent, but not longer than `seconds`."""
        self.waiting.put(None)
        self.thread.join(seconds)
        if self.thread.is_alive():
            self.warn("the receiver did not answer in time")

    def warn(self, reason: str) -> None:
        """Log once that events are lost."""
        if not self.warned:
            self.warned = True
            logger.warning("lineage events are lost, and the run continues: %s", reason)

    def _send_all(self) -> None:
        while (event := self.waiting.get()) is not None:
            try:
                self.emit(event)
            except Exception as error:
                self.warn(f"{type(error).__name__}: {error}")


def make_sender() -> Sender:
    """Return a sender for the receiver that the environment names. Raises ImportError without openlineage-python."""
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.http import HttpTransport

    client = OpenLineageClient()
    # It would describe the repository of the current folder, which need not be ours.
    client.config.facets.source_code_location.disabled = True
    if isinstance(client.transport, HttpTransport):
        client.transport.timeout = min(client.transport.timeout, TIMEOUT_SECONDS)
        client.transport.config.retry = {"total": 0}
    return Sender(client.emit)
