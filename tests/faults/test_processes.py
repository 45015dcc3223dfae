"""A training whose processes are killed, stopped or cancelled: nothing of it is lost, and nothing is doubled."""

import signal
from collections.abc import Iterator

import psutil
import pytest

from models.training.checkpoints import CheckpointStore
from tests.faults.service import Service
from tests.faults.training import Begin, Tell, counted_trainers, finish
from tests.waiting import wait_until

LEAST_SILENCE_SECONDS = 540  # three heartbeats


def test_flow_process_killed(service: Service, begin: Begin, uninterrupted: str, tell: Tell) -> None:
    """Flow process killed (SIGKILL) in training."""
    training = begin()
    with counted_trainers(training) as counts:
        training.flow_process().kill()
        service.wait_for_state(training.flow_run, "Crashed", "AwaitingRetry")
        finish(training, uninterrupted, tell)
    assert service.flow_run(training.flow_run)["run_count"] == 2
    assert max(counts) == 1
    tell("never two trainers at once")


def test_worker_killed(service: Service, begin: Begin, uninterrupted: str, tell: Tell) -> None:
    """Worker killed (SIGKILL) in training, another one started."""
    training = begin()
    with counted_trainers(training) as counts:
        service.stop("gpu")
        service.start("gpu")
        finish(training, uninterrupted, tell)
    assert max(counts) == 1
    tell("never two trainers at once")


def test_cancelled(service: Service, begin: Begin, uninterrupted: str, tell: Tell) -> None:
    """Flow cancelled as the UI does it, then retried as the UI does it."""
    training = begin()
    (trainer,) = training.trainers()
    tree = [training.flow_process(), trainer, *trainer.children(recursive=True)]
    service.set_state(training.flow_run, "CANCELLING", "Cancelling")
    service.wait_for_state(training.flow_run, "Cancelled")
    _, left = psutil.wait_procs(tree, timeout=30)
    assert not left
    status = training.run.status()
    assert status is not None
    assert status.state == "resumable"
    newest = CheckpointStore(training.run.checkpoints).load_latest()
    assert newest is not None
    assert newest.nimg == status.nimg > 0
    tell(f"SIGTERM, checkpoint at {status.nimg:,} images, no process left")
    service.set_state(training.flow_run, "SCHEDULED", "AwaitingRetry")
    finish(training, uninterrupted, tell)
    assert f"resuming at {status.nimg:,} images" in training.run.log.read_text()


def test_worker_stopped(service: Service, begin: Begin, uninterrupted: str, tell: Tell) -> None:
    """Worker stopped (SIGTERM) in training, another one started."""
    training = begin()
    service.stop("gpu", signal.SIGTERM)
    wait_until(lambda: not training.trainers(), what="the end of the trainer")
    status = training.run.status()
    assert status is not None
    assert status.state == "resumable"
    tell(f"checkpoint at {status.nimg:,} images, the run stays {service.states(training.flow_run)[-1]}")
    service.start("gpu")
    finish(training, uninterrupted, tell)
    assert f"resuming at {status.nimg:,} images" in training.run.log.read_text()
    assert service.flow_run(training.flow_run)["run_count"] == 2


@pytest.fixture
def impatient_heartbeats(service: Service) -> Iterator[None]:
    """The automation for silent runs with the time that fits heartbeats every 30 s, in place of ten minutes."""
    (found,) = service.post("/automations/filter", {"automations": {"name": {"any_": ["crash-silent-runs"]}}})
    assert found["trigger"]["within"] >= LEAST_SILENCE_SECONDS
    service.change_automation(found, {"within": 100})
    yield
    service.change_automation(found, {"within": found["trigger"]["within"]})


@pytest.mark.usefixtures("impatient_heartbeats")
def test_machine_lost(service: Service, begin: Begin, uninterrupted: str, tell: Tell) -> None:
    """Worker and flow process killed (SIGKILL) together, as when a machine is lost: nobody reports it."""
    training = begin()
    flow = training.flow_process()
    service.stop("gpu")
    flow.kill()
    service.wait_for_state(training.flow_run, "Crashed", "AwaitingRetry")
    noticed = {"no heartbeat": "the automation that misses heartbeats", "its process has ended": "reconcile"}
    messages = " ".join(service.messages(training.flow_run))
    by = [who for sign, who in noticed.items() if sign in messages]  # whichever looks first
    assert by, messages
    tell(f"noticed by {' and '.join(by)}")
    service.start("gpu")
    finish(training, uninterrupted, tell)
