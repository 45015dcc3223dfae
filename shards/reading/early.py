"""A split that a thread decodes before anybody needs it, while the process imports large libraries."""

import logging
import threading
from collections.abc import Callable

from shards.errors import ShardsError
from shards.layout.manifest import Manifest
from shards.reading.resident import Split

logger = logging.getLogger(__name__)


class EarlySplit:
    """Calls `decode` in a thread, which returns a decoded split, or None if there is nothing to decode.

    What the thread needs should be imported before: two threads that import the same modules may wait for each other.
    """

    def __init__(self, decode: Callable[[], Split | None]) -> None:
        self._decode = decode
        self._split: Split | None = None
        self._thread = threading.Thread(target=self._run, name="early-split", daemon=True)
        self._thread.start()

    def find(self, manifest: Manifest) -> Split | None:
        """Wait for the split, and return it once if it belongs to this dataset version. Else return None.

        It is also None if the split could not be decoded. Who needs it then decodes it again, and gets the error.
        """
        self._thread.join()
        found, self._split = self._split, None
        return found if found and found.manifest == manifest else None

    def _run(self) -> None:
        try:
            self._split = self._decode()
        except (ShardsError, OSError) as error:
            logger.debug("the images are read again when they are needed: %s", error)
