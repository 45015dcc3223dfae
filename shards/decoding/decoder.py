"""The program of a decoder child: reads places of files from stdin and writes samples to stdout, until stdin ends.

A malicious file may make it crash, hang or run out of memory. Then `shards.decoding.sandbox` starts another one.
"""

import contextlib
import hashlib
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

from PIL import Image

from shards.errors import BuildError, RefusedError
from shards.images.conversion import convert
from shards.images.recipe import Recipe
from shards.processes.children import limit_resources
from shards.processes.wire import pack, read_frame
from shards.sources.entries import Place
from shards.sources.opening import read

_FETCH_AHEAD = 8
_FETCHED = frozenset({"url", "web"})


def answer(read_place: Callable[[Place, int], bytes], place: Place, recipe: Recipe) -> bytes:
    """Return the frame with the result for one file: facts and samples, or the reason why it is refused."""
    head: dict[str, Any] = {}
    try:
        data = read_place(place, recipe.max_file_bytes)
        head = {"source_sha256": hashlib.sha256(data).hexdigest(), "source_bytes": len(data)}
        converted = convert(data, recipe, seed=int(head["source_sha256"][:12], 16))
    except RefusedError as refused:
        return pack(head | {"reason": refused.code, "message": str(refused)})
    except BuildError as failed:
        return pack({"failed": str(failed)})
    except MemoryError:
        return pack(
            head | {"reason": "out_of_memory", "message": "Decoding needs more memory than memory_limit_mb allows."}
        )
    head["facts"] = converted.facts
    head["samples"] = [one.facts for one in converted.samples]
    return pack(head, b"".join(one.data for one in converted.samples))


def _answers(places: list[Place], recipe: Recipe) -> Iterator[bytes]:
    """Yield the answers in order. Single remote files are fetched ahead, so decoding does not wait for the network.

    Files inside an archive, a shard or a table are not fetched ahead, because one open file reads them all.
    """
    if not any(place[0] in _FETCHED for place in places):
        yield from (answer(read, place, recipe) for place in places)
        return
    with ThreadPoolExecutor(_FETCH_AHEAD) as pool:
        ahead: deque[tuple[Place, Future[bytes] | None]] = deque()
        coming = iter(places)
        while True:
            for place in islice(coming, _FETCH_AHEAD - len(ahead)):
                fetching = pool.submit(read, place, recipe.max_file_bytes) if place[0] in _FETCHED else None
                ahead.append((place, fetching))
            if not ahead:
                return
            place, fetching = ahead.popleft()
            fetched = (lambda *_, fetching=fetching: fetching.result()) if fetching else read
            yield answer(fetched, place, recipe)


def main() -> None:
    """Serve one parent: read a frame of settings, then frames of places, and answer once per file in their order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C, and closes our stdin
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # text that a native library prints must not get between two frames
    first = read_frame(sys.stdin.buffer)
    if first is None:
        return
    recipe = Recipe.from_dict(first[0]["recipe"])
    Image.MAX_IMAGE_PIXELS = recipe.max_pixels
    limit_resources(int(first[0]["memory_bytes"]))
    out.write(pack({"ready": os.getpid()}))
    out.flush()
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        for one in _answers(frame[0]["places"], recipe):
            out.write(one)
            out.flush()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
