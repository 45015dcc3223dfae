"""The live page: it shows what the run directory holds, and no fault of it reaches the training."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tasks.trainer.live_page import LivePage
from tasks.trainer.run_directory import RunDirectory

FORMER = Path(__file__).parents[2] / "data" / "first_wave" / "home" / "runs" / "first-dcgan-3992d8fd"
HOSTILE = "</script><script>alert(1)</script>"


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run directory from before there was a live page, with a class of a hostile name."""
    path = tmp_path / FORMER.name
    shutil.copytree(FORMER, path, ignore=shutil.ignore_patterns("checkpoints"))
    config = json.loads((path / "config.json").read_text())
    config["labels"] = ["bright", HOSTILE]
    (path / "config.json").write_text(json.dumps(config))
    return RunDirectory(path)


def shown(run: RunDirectory) -> dict[str, Any]:
    """The data in live.js."""
    found: dict[str, Any] = json.loads(run.live_data.read_text().removeprefix("show(").removesuffix(");\n"))
    return found


def test_the_page_shows_a_former_run_and_escapes_names(run: RunDirectory) -> None:
    LivePage(run).start()
    page = run.live_page.read_text()
    assert HOSTILE not in page
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page
    assert run.name in page
    data = shown(run)
    assert (data["state"], data["nimg"], data["total"]) == ("done", 480, 480)
    assert data["grids"] == [nimg for nimg, _ in run.list_samples()]
    assert "real" in data["pictures"]
    loss = next(chart for chart in data["charts"] if chart["title"] == "Loss")
    assert [curve["name"] for curve in loss["curves"]] == ["discriminator", "generator"]
    assert loss["curves"][0]["points"][-1] == [480, pytest.approx(run.read_stats()[-1]["loss_d"], rel=1e-3)]


def test_the_data_follow_the_training(run: RunDirectory) -> None:
    page = LivePage(run)
    page.tick(100)
    first = run.live_data.read_text()
    page.tick(120)
    assert run.live_data.read_text() == first  # a moment later: not again
    page.next = 0.0
    run.append_stats({"nimg": 200, "event": "collapsed_samples", "action": "warn", "reason": HOSTILE})
    page.tick(200)
    data = shown(run)
    assert (data["state"], data["nimg"]) == ("running", 200)
    assert data["left"] > 0
    assert data["events"][-1]["reason"] == HOSTILE


def test_a_trainer_that_was_killed_is_shown_as_stopped(run: RunDirectory) -> None:
    run.set_status("running", 240)
    LivePage(run).finish()
    assert (shown(run)["state"], shown(run)["reason"]) == ("resumable", "the trainer has died")


def test_a_page_that_cannot_be_written_is_a_warning(run: RunDirectory, caplog: pytest.LogCaptureFixture) -> None:
    run.live_data.mkdir()
    page = LivePage(run)
    page.tick(100)
    page.next = 0.0
    page.tick(200)
    page.finish()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the training continues" in caplog.text
