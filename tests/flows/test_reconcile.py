"""What was left open is closed: flow runs without a process, MLflow runs whose flow run has ended."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling, Completed, Pending, Running

from flows.reconcile import reconcile
from models.training.loop import TrainConfig
from tasks.flow_runs.liveness import is_alive, lock_file
from tasks.flow_runs.reconciliation import end_of_dead, sole_reconcile
from tasks.home import home
from tasks.tracking.runs import RunTracker, connect
from tasks.trainer.locks import hold
from tasks.trainer.run_directory import RunDirectory
from tasks.training.stage import plan_run


@pytest.fixture(scope="module")
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture(scope="module")
def deployment(client: SyncPrefectClient) -> UUID:
    return client.create_deployment(client.create_flow(reconcile), "for-tests")


@pytest.fixture
def dead(client: SyncPrefectClient, deployment: UUID, home_dir: Path) -> FlowRun:
    """A flow run that is Running, of a process that has died on this machine."""
    run = client.create_flow_run_from_deployment(deployment, state=Running(), tags=["dead"])
    lock = lock_file(home(), str(run.id))
    lock.parent.mkdir(parents=True)
    lock.write_text("here 1\n")
    return run


def state_of(client: SyncPrefectClient, run: FlowRun) -> str:
    return str(client.read_flow_run(run.id).state_name)


def test_a_run_without_a_process_is_crashed_with_all_that_ran_inside_it(
    client: SyncPrefectClient, deployment: UUID, dead: FlowRun
) -> None:
    elsewhere = client.create_flow_run_from_deployment(deployment, state=Running())
    living = client.create_flow_run_from_deployment(deployment, state=Running())
    waiting = client.create_flow_run_from_deployment(deployment, state=Pending())
    with hold(lock_file(home(), str(living.id)), "", wait_seconds=0):
        outcome = reconcile()
    assert dead.name in outcome.flow_runs
    assert state_of(client, dead) == "Crashed"
    assert [state_of(client, run) for run in (elsewhere, living, waiting)] == ["Running", "Running", "Pending"]
    assert not set(outcome.flow_runs) & {elsewhere.name, living.name, waiting.name}
    assert is_alive(home(), str(dead.id)) is None  # forgotten: it has ended
    assert reconcile().flow_runs == [living.name]  # whose lock was let go above


def test_a_cancelled_run_whose_process_died_meanwhile_is_cancelled(client: SyncPrefectClient, dead: FlowRun) -> None:
    client.set_flow_run_state(dead.id, Cancelling(), force=True)
    reconcile()
    assert state_of(client, dead) == "Cancelled"


def test_a_run_that_was_taken_up_and_never_started_is_crashed(
    client: SyncPrefectClient, deployment: UUID, home_dir: Path
) -> None:
    run = client.create_flow_run_from_deployment(deployment, state=Pending())
    assert end_of_dead(client, home(), client.read_flow_run(run.id)) is None
    an_hour_ago = Pending(timestamp=datetime.now(UTC) - timedelta(hours=1))
    ended = end_of_dead(client, home(), run.model_copy(update={"state": an_hour_ago}))
    assert ended is not None
    assert ended.is_crashed()


def test_one_reconcile_works_at_a_time(client: SyncPrefectClient, dead: FlowRun) -> None:
    with sole_reconcile():
        assert "another reconcile is running" in reconcile().skipped
    assert state_of(client, dead) == "Running"
    assert dead.name in reconcile().flow_runs


def test_mlflow_runs_end_with_their_flow_runs(client: SyncPrefectClient, deployment: UUID, dataset: str) -> None:
    done = client.create_flow_run_from_deployment(deployment, state=Completed())
    at_work = client.create_flow_run_from_deployment(deployment, state=Running())
    statuses = {}
    for seed, flow_run_id in enumerate((done.id, at_work.id, uuid4(), done.id)):
        plan = plan_run(dataset, TrainConfig(family="dcgan", seed=seed))
        run = RunDirectory(home().runs / plan.run)
        run.create(plan)
        tracker = RunTracker(connect(home()), home(), run, {"prefect.flow_run_id": str(flow_run_id)})
        statuses[seed] = tracker.run_id
    # Whatever Prefect says: a trainer is at work in the last one.
    with hold(run.path / "lock", "", wait_seconds=0):
        outcome = reconcile()
    found = [connect(home()).get_run(statuses[seed]).info.status for seed in range(4)]
    assert found == ["FINISHED", "RUNNING", "KILLED", "RUNNING"]
    assert len(outcome.mlflow_runs) == 2
