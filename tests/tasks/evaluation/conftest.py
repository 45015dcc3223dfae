"""The home of the first wave, whose two versions are loaded and scored."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.first_wave import lay_out_home


@pytest.fixture(scope="module")
def old_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home as SHARDGAN_HOME. Version 2 is scored like version 1, but with a clearly better FD."""
    root = lay_out_home(tmp_path_factory.mktemp("first-wave"))
    with contextlib.closing(sqlite3.connect(root / "mlflow.db")) as tables, tables:
        query = "SELECT key, value FROM model_version_tags WHERE version = 1 AND key LIKE 'shardgan.scores.%'"
        key, text = tables.execute(query).fetchone()
        scores = json.loads(text)
        scores["values"] |= {"FD-EffNetLite0": 21.3, "recall": 0.2}
        scores["intervals"] |= {"FD-EffNetLite0": [19.2, 24.1], "recall": [0.1, 0.4]}
        row = (key, json.dumps(scores), "first", 2, "default")
        tables.execute("INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES (?,?,?,?,?)", row)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDGAN_HOME", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield root
