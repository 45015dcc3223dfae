"""Outages that a training survives are counted in its run directory."""

import json
from pathlib import Path

import pytest

from tasks.errors import RequestError
from tasks.flow_runs.progress import ProgressReport
from tasks.home import home
from tasks.tracking.runs import RunTracker, connect
from tasks.trainer.run_directory import RunDirectory
from tasks.training.mirror import RunMirror
from tasks.training.watch import Follower, RunWatch
from tests.waiting import wait_until


def test_an_outage_is_noted_once_until_the_server_answers_again(run: RunDirectory, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    bucket.write_text("a file where the folder of the bucket should be")
    tracker = RunTracker(connect(home()), home(), run, {})
    noted = run.path / "outages.jsonl"
    with ProgressReport("training", "Training", 8) as progress:
        watch = RunWatch(run, tracker, progress, RunMirror(run, str(bucket)))
        watch.poll()
        watch.poll()
        assert [json.loads(line)["server"] for line in noted.read_text().splitlines()] == ["bucket"]
        bucket.unlink()
        watch.poll()
        assert (bucket / run.name / "status.json").exists() or (bucket / run.name / "config.json").exists()
        assert len(noted.read_text().splitlines()) == 1


def test_what_the_trainer_does_before_its_first_statistics_is_shown(run: RunDirectory) -> None:
    tracker = RunTracker(connect(home()), home(), run, {})
    with ProgressReport("training", "Training", 8) as progress:
        run.set_status("running", 0, "compiling the networks")
        RunWatch(run, tracker, progress, None).poll()
        assert progress.bar.tasks[0].fields["note"] == "compiling the networks"


def test_a_training_that_is_stopped_at_once_is_recorded_as_killed(run: RunDirectory) -> None:
    with ProgressReport("training", "Training", 8) as progress:
        follower = Follower(run, {"prefect.flow_run_id": "f"}, progress, None)
        follower.abandon("KILLED", KeyboardInterrupt())
        follower.close()
    found = connect(home()).get_run(follower.watch.tracker.run_id)
    assert (found.info.status, found.data.tags["prefect.flow_run_id"]) == ("KILLED", "f")


def test_an_mlflow_that_cannot_be_used_stops_the_training(run: RunDirectory) -> None:
    home().mlflow_database.write_bytes(b"not a database" * 100)
    with ProgressReport("training", "Training", 8) as progress:
        follower = Follower(run, {}, progress, None)
        with pytest.raises(RequestError, match="is not a database") as caught:
            wait_until(follower.poll)
        follower.abandon("KILLED", caught.value)
        follower.close()
