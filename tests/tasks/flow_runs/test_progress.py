"""Progress: the time that is left, in words."""

import logging
import os
import sys
import time
from pathlib import Path

import pytest

from tasks.flow_runs.progress import Pace, ProgressReport, in_words
from tasks.flow_runs.terminal import speak_to


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (42, "42 s"), (120, "2 min"), (5000, "83 min"), (5400, "1 h 30 min"), (3600 * 26, "26 h 0 min")],
)
def test_lengths_of_time_are_told_as_people_tell_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_what_a_resumed_training_had_done_before_does_not_make_it_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0, 30.0, 40.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    pace = Pace()
    assert pace.time_left(900, 1000) is None
    assert pace.time_left(950, 1000) == pytest.approx(20)  # 50 in 20 s, and 50 to go
    assert pace.time_left(1000, 1000) is None


def test_a_last_batch_beyond_what_was_asked_for_is_not_more_than_all() -> None:
    with ProgressReport("training", "Training x", 2000) as progress:
        progress.update(2016, "2,016/2,000 images")
    assert progress.bar.tasks[0].percentage == 100


def test_without_a_terminal_a_stage_is_one_line_at_its_end(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as file, speak_to(file):
        with ProgressReport("training", "Training x", 2000) as progress:
            for done in range(0, 2001, 100):
                progress.update(done, "images")
            progress.conclude("Trained [x]\x1b, 2,000 images,", "/home/runs/[x]")
        logging.getLogger("tasks.anything").warning("low on %s", "disk")
        logging.getLogger("mlflow").warning("nobody needs this")
    assert (tmp_path / "out").read_text().splitlines() == [
        "Trained [x]\\x1b, 2,000 images, in 0 s: /home/runs/[x]",
        "warning: low on disk",
    ]


def test_a_bar_does_not_bring_what_libraries_print_into_a_quiet_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    reader, writer = os.openpty()
    with os.fdopen(writer, "w") as terminal, speak_to(terminal):
        with ProgressReport("training", "Training x", 2000) as progress:
            progress.update(100, "images")
            print("nobody needs this", file=sys.stderr)
        shown = os.read(reader, 2**16).decode()
    os.close(reader)
    assert "Training x" in shown
    assert "nobody needs this" not in shown
