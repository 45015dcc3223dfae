"""Replay into a real MLflow on SQLite: every point there, none twice."""

from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from models.training.loop import TrainConfig
from tasks.errors import RequestError
from tasks.home import home
from tasks.tracking.databases import check_artifacts
from tasks.tracking.lineage import parent_tags
from tasks.tracking.runs import RunTracker, connect, flatten
from tasks.trainer.run_directory import RunDirectory
from tasks.training.stage import plan_run


@pytest.fixture
def run(dataset: str) -> RunDirectory:
    plan = plan_run(dataset, TrainConfig(family="dcgan"))
    run = RunDirectory(home().runs / plan.run)
    run.create(plan)
    return run


def track(run: RunDirectory) -> RunTracker:
    return RunTracker(connect(home()), home(), run, {"prefect.flow_run_id": "f"})


def add_ticks(run: RunDirectory, *nimgs: int) -> None:
    for nimg in nimgs:
        run.append_stats({"nimg": nimg, "images_per_second": nimg / 10, "loss_g": 1.0})


def steps(tracker: RunTracker) -> list[int]:
    return [point.step for point in tracker.client.get_metric_history(tracker.run_id, "images_per_second")]


def test_points_arrive_by_images_seen(run: RunDirectory) -> None:
    tracker = track(run)
    add_ticks(run, 10, 20)
    tracker.replay()
    add_ticks(run, 30)
    tracker.replay()
    points = tracker.client.get_metric_history(tracker.run_id, "images_per_second")
    assert [(point.step, point.value) for point in points] == [(10, 1.0), (20, 2.0), (30, 3.0)]
    assert tracker.newest == {"nimg": 30, "images_per_second": 3.0, "loss_g": 1.0}


def test_a_new_supervisor_goes_on_where_the_old_one_was(run: RunDirectory) -> None:
    add_ticks(run, 10, 20)
    first = track(run)
    first.replay()
    add_ticks(run, 30)
    second = track(run)
    second.replay()
    assert second.run_id == first.run_id
    assert steps(second) == [10, 20, 30]


def test_a_run_can_be_nested_under_another_when_it_is_made_or_later(run: RunDirectory) -> None:
    client = connect(home())
    run_id = track(run).run_id
    assert "mlflow.parentRunId" not in client.get_run(run_id).data.tags
    nested = RunTracker(client, home(), run, parent_tags("abc"))
    assert nested.run_id == run_id
    assert client.get_run(run_id).data.tags["mlflow.parentRunId"] == "abc"
    assert parent_tags("") == {}


def test_ticks_that_a_resumed_trainer_writes_again_are_not_sent_again(run: RunDirectory) -> None:
    tracker = track(run)
    add_ticks(run, 10, 20, 30)
    tracker.replay()
    run.cut_stats(10)
    add_ticks(run, 20, 30, 40)
    tracker.replay()
    assert steps(tracker) == [10, 20, 30, 40]


def test_more_ticks_than_one_call_takes(run: RunDirectory) -> None:
    tracker = track(run)
    add_ticks(run, *range(1, 131))
    tracker.replay()
    assert steps(tracker) == list(range(1, 131))


def test_what_mlflow_did_not_take_is_sent_later(
    run: RunDirectory, home_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = track(run)
    add_ticks(run, 10)
    database, aside = home_dir / "mlflow.db", home_dir / "aside.db"
    database.rename(aside)
    database.mkdir()
    tracker.replay()
    assert "they are kept and sent again" in caplog.text
    database.rmdir()
    aside.rename(database)
    add_ticks(run, 20)
    tracker.finish()
    assert steps(tracker) == [10, 20]
    assert tracker.client.get_run(tracker.run_id).info.status == "FINISHED"


@pytest.mark.parametrize("is_slow", [False, True])
def test_a_stop_between_points_and_the_note_of_them_sends_none_twice(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, is_slow: bool
) -> None:
    tracker = track(run)
    add_ticks(run, 10)
    tracker.replay()
    send = tracker.client.log_batch

    def send_and_stop(*arguments: Any, **named: Any) -> None:
        send(*arguments, **named)
        monkeypatch.setattr(tracker.client, "log_batch", send)
        raise KeyboardInterrupt

    monkeypatch.setattr(tracker.client, "log_batch", send_and_stop)
    add_ticks(run, 20, 30)
    with pytest.raises(KeyboardInterrupt):
        tracker.replay()
    if is_slow:  # asked what it has, a server that is still at it does not say so yet
        monkeypatch.setattr(tracker, "_last_nimg", lambda: 10)
    add_ticks(run, 40)
    tracker.abandon("KILLED")
    assert steps(tracker) == [10, 20, 30, 40]


def test_the_run_leads_back_to_data_and_code(run: RunDirectory) -> None:
    tracker = track(run)
    logged = tracker.client.get_run(tracker.run_id)
    config = run.config()
    assert logged.data.tags["shardgan.dataset_version"] == config.dataset_version
    assert logged.data.tags["shardgan.commit"] == config.commit
    assert logged.data.tags["prefect.flow_run_id"] == "f"
    assert logged.data.params["train.augment.translation"] == "0.125"
    (dataset,) = logged.inputs.dataset_inputs
    assert dataset.dataset.name == "tiny"
    assert dataset.dataset.digest == config.dataset_version[:36]


@pytest.mark.parametrize("lost", ["log_batch", "log_inputs"])
def test_what_was_lost_when_the_run_was_made_is_recorded_by_the_next(
    run: RunDirectory, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise MlflowException("server restarts")

    first = track(run)
    monkeypatch.setattr(first.client, lost, refuse)
    with pytest.raises(MlflowException):
        assert first.run_id
    for _ in range(2):  # the second has nothing to add
        again = track(run)
        logged = again.client.get_run(again.run_id)
        assert logged.data.params["train.augment.translation"] == "0.125"
        assert len(logged.inputs.dataset_inputs) == 1
    assert len(again.client.search_runs([logged.info.experiment_id])) == 1


def test_grids_are_logged(run: RunDirectory) -> None:
    tracker = track(run)
    run.write_sample("000000000010", b"\x89PNG")
    tracker.finish()
    assert [item.path for item in tracker.client.list_artifacts(tracker.run_id, "samples")] == [
        "samples/000000000010.png"
    ]


def test_flatten() -> None:
    assert flatten({"a": 1, "b": {"c": 2, "d": {"e": 3}}}) == {"a": 1, "b.c": 2, "b.d.e": 3}


def test_training_does_not_wait_for_a_server_that_is_not_there(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = track(run)
    add_ticks(run, 10)
    tracker.replay()
    assert tracker.newest is not None
    assert tracker.newest["nimg"] == 10
    assert "they are kept and sent again" in caplog.text
    tracker.abandon("KILLED")
    assert "stays open there" in caplog.text

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    back = RunTracker(connect(home()), home(), run, {})
    back.finish()
    assert steps(back) == [10]


def test_an_experiment_of_the_service_is_refused_without_it(run: RunDirectory) -> None:
    client = connect(home())
    check_artifacts(home(), "tiny")
    client.create_experiment("tiny", artifact_location="mlflow-artifacts:/7")
    with pytest.raises(RequestError, match=r"start the service \(`shardgan up`\)"):
        check_artifacts(home(), "tiny")


def test_the_run_names_the_flow_run_that_is_at_it_now(run: RunDirectory) -> None:
    first = track(run)
    assert first.client.get_run(first.run_id).data.tags["prefect.flow_run_id"] == "f"
    second = RunTracker(connect(home()), home(), run, {"prefect.flow_run_id": "g"})
    assert second.run_id == first.run_id
    assert second.client.get_run(second.run_id).data.tags["prefect.flow_run_id"] == "g"
