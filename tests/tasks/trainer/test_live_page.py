"""The live page: it shows what the run directory holds, and no fault of it reaches the training."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tasks.trainer.costs.history import History
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


def test_the_page_shows_the_diversity_of_the_scored_images(run: RunDirectory) -> None:
    for nimg, overall, within in ((240, 0.7, None), (480, 0.81234567, 0.6)):
        diversity = {"overall": overall, "within": within, "by_class": {}}
        run.append_score({"nimg": nimg, "name": "FD-X", "value": 9.0, "digest": "d", "diversity": diversity})
    LivePage(run).start()
    charts = {chart["title"]: chart["curves"] for chart in shown(run)["charts"]}
    assert charts["Diversity (real images: 1)"] == [
        {"name": "all images", "points": [[240, 0.7], [480, 0.81235]]},
        {"name": "within classes", "points": [[480, 0.6]]},
    ]


def test_the_page_says_what_a_trainer_does_before_its_first_statistics(run: RunDirectory) -> None:
    page = LivePage(run)
    page.start()
    page.tell(0, "compiling the networks")
    assert shown(run)["state"] == "running"
    assert shown(run)["reason"] == "compiling the networks"
    page.tick(8)
    assert shown(run)["reason"] == ""


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


@pytest.mark.parametrize(
    ("seconds", "waiting", "words"),
    [
        (
            {"decode": 7.1, "collate": 1.9, "idle": 1.0},
            0.38,
            "Decoding limits: 71% of the workers' time; the training waits for images for 38% of its time.",
        ),
        (
            {"fetch": 3.0, "decode": 1.0},
            0.5,
            "Fetching shards limits: 75% of the time for loading; the training waits for images for 50% of its time.",
        ),
        (
            {"decode": 2.0, "idle": 8.0},
            0.02,
            "The loader does not limit: the workers are idle for 80% of their time, and the training waits for images "
            "for 2% of its time.",
        ),
        (
            {"decode": 4.0, "idle": 6.0},
            0.3,
            "Passing batches to the training limits: the workers wait for 60% of their time, and the training waits "
            "for images for 30% of its time.",
        ),
    ],
)
def test_the_page_says_which_stage_of_the_loader_limits(
    run: RunDirectory, seconds: dict[str, float], waiting: float, words: str
) -> None:
    columns = {f"loader_{stage}_seconds": value for stage, value in seconds.items()}
    for nimg in (480, 560):
        run.append_stats({"nimg": nimg, "data_share": waiting, "loader_decode_images_per_second": 2600.0, **columns})
    LivePage(run).finish()
    data = shown(run)
    assert data["loader"]["words"] == words
    stages = {stage["name"]: (stage["seconds"], stage["speed"]) for stage in data["loader"]["stages"]}
    assert stages["Decoding"] == (seconds["decode"], 2600)
    assert not [chart for chart in data["charts"] if "oader" in chart["title"]]


def test_the_page_of_a_run_without_a_loader_says_nothing_of_it(run: RunDirectory) -> None:
    LivePage(run).start()
    assert shown(run)["loader"] == {}


def test_the_page_says_where_the_time_went_and_what_it_cost(run: RunDirectory) -> None:
    LivePage(run).start()
    assert (shown(run)["parts"], shown(run)["spent"]) == ({}, "")  # a run of a release without a history
    history = History(run.path)
    history.add("asked", 1000.0, since=900.0)
    history.add("start", 1010.0, gpus=1, price_per_hour=36.0, currency="EUR")
    history.add("train", 1020.0, nimg=0)
    history.add("tick", 1100.0, nimg=480, seconds={"step": 60.0, "data": 20.0}, gpu_joules=7200.0)
    run.append_stats({"nimg": 480, "mfu_share": 0.31, "gpu_busy_share": 0.9, "gpu_watts": 350.2, "memory_bytes": 2e9})
    LivePage(run).finish()
    data = shown(run)
    assert data["machine"] == ["MFU 31%", "GPU busy 90%", "GPU 350 W", "memory 2.0 GB"]
    assert (data["parts"]["useful"], data["parts"]["queue"]) == (60, 100)
    assert data["spent"] == "2 min, 0.025 GPU hours, 2 Wh, 0.90 EUR"
