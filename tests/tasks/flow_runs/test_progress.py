"""Progress: the time that is left, in words."""

import time

import pytest

from tasks.flow_runs.progress import Pace, ProgressReport, in_words


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


def test_a_last_batch_beyond_what_was_asked_for_is_not_more_than_all(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressReport("training", "Training x", 2000) as progress:
        progress.update(2016, "2,016/2,000 images")
    assert "100%" in capsys.readouterr().err
