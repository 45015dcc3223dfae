"""The trainer's log, passed on line by line."""

import logging
from pathlib import Path

import pytest

from tasks.flow_runs.logs import LINES_A_READ, LogFollower, send_logs_to_prefect, trainer


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the trainer's logger says."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    send_logs_to_prefect()
    monkeypatch.setattr(trainer, "handlers", [Ear()])
    return said


def test_lines_are_passed_on_once_and_whole(tmp_path: Path, heard: list[str]) -> None:
    log = tmp_path / "train.log"
    log.write_text("of an earlier trainer\n")
    follower = LogFollower(log)
    with log.open("a") as file:
        file.write("one\ntwo\nhal")
    follower.read()
    assert heard == ["one", "two"]
    with log.open("a") as file:
        file.write("f\n")
    follower.read()
    follower.read()
    assert heard == ["one", "two", "half"]


def test_of_very_many_lines_the_end_is_passed_on(tmp_path: Path, heard: list[str]) -> None:
    log = tmp_path / "train.log"
    follower = LogFollower(log)
    log.write_text("".join(f"{number}\n" for number in range(LINES_A_READ + 50)))
    follower.read()
    assert heard[0] == f"(50 lines are omitted here: see {log})"
    assert heard[1:] == [str(number) for number in range(50, LINES_A_READ + 50)]


def test_what_our_packages_say_at_info_is_heard() -> None:
    send_logs_to_prefect()
    for name in ("shards.building.builder", "models.training.loop", "tasks.registry.promotion", "tasks.trainer"):
        assert logging.getLogger(name).isEnabledFor(logging.INFO)
    assert "APILogHandler" in {type(one).__name__ for one in trainer.handlers}
