"""Log lines as JSON: what a line says, and that nothing else is written between the lines."""

import io
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.cli.answers import WRONG, fail
from flows.cli.output import CommandLog
from tasks.flow_runs.progress import ProgressReport
from tasks.service.children.manager import Manager, Program
from tasks.tracking.telemetry.log_format import LOG_FORMAT, JsonFormatter


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_has_time_level_message_run_ids_and_traceback() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.Logger("tasks.example")
    logger.addHandler(handler)
    logger.warning("%s images\nin two lines", "ü 3", extra={"flow_run_id": "f-1", "flow_run_name": "tiny"})
    try:
        int("broken")
    except ValueError:
        logger.exception("failed")
    first, second = lines(stream.getvalue())
    assert first["message"] == "ü 3 images\nin two lines"
    assert first["level"] == "WARNING"
    assert first["logger"] == "tasks.example"
    assert first["flow_run_id"] == "f-1"
    assert first["flow_run_name"] == "tiny"
    assert first["time"].endswith("+00:00")
    assert "ValueError: invalid literal" in second["exception"]
    assert "flow_run_id" not in second


def test_a_quiet_command_writes_the_same_objects_to_its_file_and_to_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(LOG_FORMAT, "json")
    path = tmp_path / "build.log"
    with CommandLog(path, quiet=True) as log:
        log.collect()
        logging.getLogger("a.library").warning("a log line")
        with ProgressReport("sharding", "Sharding", 1) as progress:
            progress.conclude("Sharded tiny")
        os.write(2, b"a library in C\n")
    shown = lines(capfd.readouterr().err)
    assert [line["message"].partition(" in ")[0] for line in shown] == ["a log line", "Sharded tiny"]
    assert lines(path.read_text()) == shown
    assert path.with_suffix(".stderr").read_text() == "a library in C\n"
    assert fail(ValueError("no such dataset"), WRONG, as_json=False) == WRONG
    (error,) = lines(capfd.readouterr().err)
    assert error["message"] == "no such dataset"


def test_the_service_names_the_program_of_each_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(LOG_FORMAT, "json")
    code = 'print(\'plain\'); print(\'{"message": "of a run", "flow_run_id": "f-1"}\'); print(\'[1]\')'
    Manager([Program("set-up", [sys.executable, "-c", code + "; raise SystemExit(3)"], {}, "step")]).run()
    shown = [line for line in lines(capfd.readouterr().out) if line["program"] == "set-up"]
    assert [line["message"] for line in shown] == ["plain", "of a run", "[1]"]
    assert shown[1]["flow_run_id"] == "f-1"
