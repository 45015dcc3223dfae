"""Memory that a training step does not fit: half as many images at once, said so; with too little for two, a failure.

A GPU's memory and the machine's come to the same error; here the kernel refuses the trainer more than so many bytes.
"""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from models.training.checkpoints import CheckpointStore
from tasks.errors import TrainingFailed
from tasks.home import home
from tasks.tracking.runs import RunTracker, connect
from tasks.trainer.run_directory import RunDirectory
from tasks.training.process.supervision import raise_for
from tasks.training.stage import plan_run
from tests.faults.training import TRAINING, Tell

BATCH = 1024
ENOUGH_FOR_A_PART = 470 * 2**20  # bytes of data: the whole batch takes some 550 MB, half of it some 430


def train_with(num_bytes: int, run: RunDirectory) -> "subprocess.CompletedProcess[str]":
    """Run the trainer to its end, with so many bytes for all its data."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (num_bytes, num_bytes))

    command = [sys.executable, "-m", "tasks.trainer.worker", str(run.path)]
    with run.log.open("w") as log:
        return subprocess.run(command, stdout=log, stderr=log, preexec_fn=limit, text=True, check=False)


@pytest.fixture
def run(dataset: str) -> RunDirectory:
    sizes = {"nimg": 4 * BATCH, "batch_size": BATCH, "width": 32, "tick_nimg": BATCH, "checkpoint_ticks": 1}
    plan = plan_run(dataset, TRAINING.model_copy(update=sizes))
    run = RunDirectory(home().runs / plan.run)
    run.create(plan)
    return run


def test_out_of_memory(run: RunDirectory, tell: Tell) -> None:
    """Out of memory in training."""
    assert train_with(ENOUGH_FOR_A_PART, run).returncode == 0, run.log.read_text()[-2000:]
    size = run.train_config().compute.micro_batch_size
    assert 2 <= size < BATCH
    events = [event for event in run.read_events() if event["event"] == "out_of_memory"]
    assert events[0]["reason"].startswith(f"{BATCH} images at once do not fit the memory")
    assert len(CheckpointStore(run.checkpoints).committed()) == 2
    tracker = RunTracker(connect(home()), home(), run, {})
    tracker.finish()
    logged = tracker.client.get_run(tracker.run_id).data
    assert "shardgan.event.out_of_memory" in logged.tags
    tell(f"{len(events)} halvings from {BATCH} to {size} at once with accumulation, then done; told in MLflow")


def test_out_of_all_memory(run: RunDirectory, tell: Tell) -> None:
    """Not even memory for two images at once."""
    run.store_micro_batch(2)
    config = run.config()
    wide = config.model_copy(
        update={
            "network": config.network.model_copy(update={"width": 512}),
            "train": config.train.model_copy(update={"width": 512}),
        }
    )
    (run.path / "config.json").write_text(wide.model_dump_json())
    assert train_with(ENOUGH_FOR_A_PART, run).returncode == 1
    with pytest.raises(TrainingFailed) as caught:
        raise_for(run, 1, before=0)
    assert "memory" in str(caught.value)
    assert not list(Path(run.checkpoints).glob("*/COMMITTED"))
    tell(f"failed: {str(caught.value)[:160]}")
