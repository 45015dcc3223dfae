"""Parquet listings, read by a child process: `python -m shards.sources.parquet`, request on stdin, rows on stdout.

A parquet file of six kilobytes can hold gigabytes of text, and its reader is a large native library. The child process
protects the build from both. Only the columns that are asked for are read.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from subprocess import PIPE, Popen
from typing import Any, cast

from shards.errors import SourceError
from shards.processes.children import child_environment, limit_resources
from shards.processes.wire import pack, read_frame
from shards.storage.uris import open_binary

Row = dict[str, Any]
_ROWS = 512
_MOST_TEXT = 2**14  # characters of a path or a class
_COUNT_FLOOR = 2**20
_MOST_CLASSES = 2**20
_LEAST_MEMORY_BYTES = 2**29  # the library alone needs half of it


def read_rows(uri: str, columns: list[str], memory_bytes: int, *, places_only: bool = False) -> Iterator[Row]:
    """Yield the rows of a parquet file, with those of `columns` that it has; raises SourceError when it cannot be read.

    With `places_only`, the first column must exist but is not read. Each row then has its row `group` and its `number`
    in that group.
    """
    yield from _ask(uri, memory_bytes, {"columns": columns, "places_only": places_only})


def read_schema(uri: str, memory_bytes: int) -> dict[str, Any]:
    """Return the `names` of the columns, which of them are `images`, and the names of the `classes` of others.

    The last two come from the metadata that the package `datasets` writes. A column is an image as well if its values
    have a field `bytes`. Raises SourceError when the file cannot be read.
    """
    return next(_ask(uri, memory_bytes, {"columns": None, "places_only": False}))


def _ask(uri: str, memory_bytes: int, question: dict[str, Any]) -> Iterator[Row]:
    request = {"uri": uri, "memory_bytes": memory_bytes, **question}
    command = [sys.executable, "-m", "shards.sources.parquet"]
    with Popen(command, stdin=PIPE, stdout=PIPE, env=child_environment()) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            with suppress(BrokenPipeError):
                child.stdin.write(pack(request))
                child.stdin.close()
            while (frame := read_frame(child.stdout)) is not None:
                if "failed" in frame[0]:
                    raise SourceError(f"the listing {uri!r} cannot be read: {frame[0]['failed']}")
                if frame[0].get("done"):
                    return
                yield from frame[0]["rows"]
        except EOFError:
            pass
        finally:
            child.kill()
    raise SourceError(
        f"the listing {uri!r} cannot be read: its reader crashed (exit status {child.returncode}). Perhaps it needs "
        f"more memory than memory_limit_mb allows."
    )


def main() -> None:
    """Answer one request: send frames of rows, then one frame with `done` or `failed`."""
    frame = read_frame(sys.stdin.buffer)
    if frame is None:
        return
    limit_resources(max(frame[0].pop("memory_bytes"), _LEAST_MEMORY_BYTES))
    rows = _rows(**frame[0])
    try:
        while some := list(islice(rows, _ROWS)):
            _say({"rows": some})
        _say({"done": True})
    except MemoryError:
        _say({"failed": "it needs more memory than memory_limit_mb allows"})
    except BrokenPipeError:
        return
    except Exception as error:  # pyarrow and the clients of buckets have their own kinds
        _say({"failed": f"{error or type(error).__name__}"[:500]})


def _rows(uri: str, columns: list[str] | None, places_only: bool) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # The limit is on address space, and other memory pools and more threads reserve much of it.
    pa.set_memory_pool(pa.system_memory_pool())
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    with open_binary(uri) as file:
        size = file.seek(0, 2)
        table = pq.ParquetFile(file)
        names = table.schema_arrow.names
        if columns is None:
            yield _schema(table.schema_arrow)
            return
        if columns[0] not in names:
            raise KeyError(f"it has no column {columns[0]!r}. Its columns are {', '.join(names)[:500]}")
        wanted = [name for name in columns[places_only:] if name in names]
        if places_only:
            yield from _places(table, wanted, max(size, _COUNT_FLOOR))
            return
        for batch in table.iter_batches(batch_size=_ROWS, columns=wanted, use_threads=False):
            yield from map(_checked, batch.to_pylist())


def _schema(schema: Any) -> Row:
    """Describe the columns. The metadata are untrusted JSON, and anything in them may be missing or of another type."""
    import pyarrow as pa

    features: dict[str, Any] = {}
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        features = dict(json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"])
    images, classes = [], {}
    for field in schema:
        found = features.get(field.name)
        feature: dict[str, Any] = found if isinstance(found, dict) else {}
        kind = feature.get("_type")
        is_struct = pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0
        if kind == "Image" or (kind is None and is_struct):
            images.append(field.name)
        if kind == "ClassLabel" and isinstance(feature.get("names"), list):
            classes[field.name] = [str(name) for name in feature["names"][:_MOST_CLASSES]]
    return {"names": list(schema.names), "images": images, "classes": classes}


def _places(table: Any, wanted: list[str], most_rows: int) -> Iterator[Row]:
    """Yield the place of each row. The number of rows in the footer may be false; a row takes at least one byte."""
    if table.metadata.num_rows > most_rows:
        raise ValueError(f"its footer claims {table.metadata.num_rows} rows, which is more than its number of bytes")
    for group in range(table.num_row_groups):
        count = table.metadata.row_group(group).num_rows
        rows = (
            table.read_row_group(group, columns=wanted, use_threads=False).to_pylist()
            if wanted
            else ({} for _ in range(count))
        )
        for number, row in enumerate(rows):
            yield {**_checked(row), "group": group, "number": number}


def _checked(row: Row) -> Row:
    texts = {name: value if isinstance(value, str | int | None) else str(value) for name, value in row.items()}
    for name, text in texts.items():
        if isinstance(text, str) and len(text) > _MOST_TEXT:
            raise ValueError(
                f"the column {name!r} has a text of {len(text)} characters; at most {_MOST_TEXT} are allowed"
            )
    return texts


def _say(head: dict[str, Any]) -> None:
    cast("Any", sys.stdout.buffer).write(pack(head))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
