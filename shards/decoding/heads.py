"""Reads the first bytes of some files of a source: how they were compressed. Nothing is decoded.

Only parsers in Python see the bytes, so it happens in this process, and at once.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from shards.config import ShardConfig
from shards.errors import RefusedError
from shards.images.geometry import ON_ITS_SIDE, plan, unchanged
from shards.images.inspection import describe_head
from shards.images.recipe import Recipe
from shards.sources.entries import Entry, Place
from shards.sources.opening import forget, read_head

FIRST_BYTES = 2**16
MORE_BYTES = 2**21  # where the metadata before the tables of a JPEG file take more
_AT_ONCE = 16
_FETCHED = frozenset({"url", "web"})


class Head(NamedTuple):
    """What the header of a file says: the facts of `describe_head`, or the `reason` why it cannot be read.

    `is_unmoved` says whether a build stores the pixels where they are, neither scaled nor cropped nor rotated: then
    the tables of a JPEG file still describe them. `scale` is the length of a stored pixel in pixels of the file, or
    None where the header does not tell the size.
    """

    entry: Entry
    facts: dict[str, Any]
    is_unmoved: bool = False
    scale: float | None = None


def read_heads(entries: Iterable[Entry], config: ShardConfig) -> Iterator[Head]:
    """Read the headers of these files of the source of `config`, in their order.

    Raises BuildError when a bucket cannot be read. A file that cannot be read raises nothing.
    """
    recipe = config.recipe()
    kept = list(entries)
    try:
        if any(entry.place[0] in _FETCHED for entry in kept):
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                yield from pool.map(lambda entry: _head(entry, recipe), kept)
        else:
            yield from (_head(entry, recipe) for entry in kept)
    finally:
        forget()


def _head(entry: Entry, recipe: Recipe) -> Head:
    try:
        facts = _facts(entry.place, recipe)
    except RefusedError as refused:
        return Head(entry, {"reason": refused.code, "message": str(refused)})
    if "width" not in facts:
        return Head(entry, facts)
    size, orientation = (facts["width"], facts["height"]), facts.get("orientation", 1)
    if recipe.image_width and orientation >= ON_ITS_SIDE:
        size = size[::-1]
    box, stored = plan(size, recipe, 0)
    upright = orientation == 1
    return Head(entry, facts, upright and (box, stored) == unchanged(size), (box[2] - box[0]) / stored[0])


def _facts(place: Place, recipe: Recipe) -> dict[str, Any]:
    # A compressed tar archive is read forward only, so what is read of it must suffice.
    first = MORE_BYTES if place[0] == "member" else FIRST_BYTES
    head = read_head(place, first, recipe.max_file_bytes)
    try:
        return describe_head(head)
    except RefusedError as refused:
        if refused.code not in ("broken_header", "truncated") or len(head) < first or first == MORE_BYTES:
            raise
    return describe_head(read_head(place, MORE_BYTES, recipe.max_file_bytes))
