"""Rows of measurements that are kept, so that a benchmark that was stopped goes on where it was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def kept(path: Path, measure: Callable[[], Row]) -> Row:
    """The row in the JSON file at `path`; it is measured and written where the file is not there yet."""
    if not path.exists():
        row = measure()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(row))
    found: Row = json.loads(path.read_text())
    return found


def all_rows(folder: Path, pattern: str) -> list[Row]:
    """Every row that was kept in a folder."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob(pattern))]
