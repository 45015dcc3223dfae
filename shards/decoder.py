"""The program that a decoder child runs: places in on stdin, samples out on stdout, until stdin ends.

It may crash, hang or run out of memory on a hostile file: `shards.sandbox` then starts another one.
"""

import contextlib
import hashlib
import os
import signal
import sys
from typing import Any

from PIL import Image

from shards.errors import RefusedError
from shards.images import convert
from shards.opening import Place, read
from shards.recipe import Recipe
from shards.wire import pack, read_frame


def answer(place: Place, recipe: Recipe) -> bytes:
    """Return the frame that tells what one file gave: facts and samples, or the reason it is refused."""
    head: dict[str, Any] = {}
    try:
        data = read(place, recipe.max_file_bytes)
        head = {"source_sha256": hashlib.sha256(data).hexdigest(), "source_bytes": len(data)}
        converted = convert(data, recipe)
    except RefusedError as refused:
        return pack(head | {"reason": refused.code, "message": str(refused)})
    except MemoryError:
        return pack(
            head | {"reason": "out_of_memory", "message": "it needs more memory than memory_limit_mb allows"}
        )
    head["facts"] = converted.facts
    head["samples"] = [
        {"bytes": len(one.data), "sha256": one.sha256, "stored_width": one.width, "stored_height": one.height}
        for one in converted.samples
    ]
    return pack(head, b"".join(one.data for one in converted.samples))


def main() -> None:
    """Serve one parent: one frame of settings, then frames of files, one answer a file in the same order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business; it ends our stdin
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a native library prints must not land between two frames
    first = read_frame(sys.stdin.buffer)
    if first is None:
        return
    recipe = Recipe.from_dict(first[0]["recipe"])
    Image.MAX_IMAGE_PIXELS = recipe.max_pixels
    _limit_memory(int(first[0]["memory_bytes"]))
    out.write(pack({"ready": os.getpid()}))
    out.flush()
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        for place in frame[0]["places"]:
            out.write(answer(place, recipe))
            out.flush()


def _limit_memory(num_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (num_bytes, num_bytes))


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
