"""The command line in this process, on a home of its own."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.first_wave import lay_out_home

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def old_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of the first wave as SHARDGAN_HOME."""
    home = lay_out_home(tmp_path)
    monkeypatch.setenv("SHARDGAN_HOME", str(home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return home


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run one command; returns its exit status, and its one object or what it printed."""
    from flows.cli.app import main

    def run(*arguments: str) -> tuple[int, Any]:
        monkeypatch.setattr(sys, "argv", ["shardgan", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        status = ended.value.code or 0
        assert isinstance(status, int)
        return status, json.loads(printed.out) if "--json" in arguments else printed.out + printed.err

    return run
