"""The trainer as it really runs: a child process, killed with real signals."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from models.compute.config import ComputeConfig
from models.errors import OutOfMemoryError
from models.training.checkpoints import CheckpointStore
from models.training.loop import TrainConfig
from shards import Dataset
from shards.images.containers.marking import read_xmp
from tasks.trainer.costs.cost import Cost
from tasks.trainer.costs.goodput import Goodput
from tasks.trainer.costs.history import History
from tasks.trainer.run_directory import RunDirectory
from tasks.trainer.worker import halve_micro_batch
from tasks.training.stage import plan_run
from tests.trainers import Trainer
from tests.waiting import wait_until

CPU = ComputeConfig(threads=1, device="cpu")
CONFIG = TrainConfig(
    family="dcgan",
    nimg=1200,
    batch_size=8,
    width=8,
    latent_dim=8,
    tick_nimg=80,
    checkpoint_ticks=2,
    snapshot_ticks=5,
    compute=CPU,
)


@pytest.fixture
def make_run(dataset: str, tmp_path: Path) -> Callable[[str], RunDirectory]:
    def make(name: str, config: TrainConfig = CONFIG) -> RunDirectory:
        run = RunDirectory(tmp_path / name)
        run.create(plan_run(dataset, config))
        return run

    return make


def final_weights(run: RunDirectory) -> dict[str, torch.Tensor]:
    checkpoint = CheckpointStore(run.checkpoints).load_latest()
    assert checkpoint is not None
    assert checkpoint.nimg == CONFIG.nimg
    return checkpoint.tensors


def assert_same_end(first: RunDirectory, second: RunDirectory) -> None:
    ours, theirs = final_weights(first), final_weights(second)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    nimg = [row["nimg"] for row in first.read_stats()]
    assert nimg == [row["nimg"] for row in second.read_stats()] == sorted(set(nimg))


def test_a_trainer_killed_half_way_and_started_again_ends_in_the_same_bits(
    make_run: Callable[[str], RunDirectory],
) -> None:
    whole, killed = make_run("whole"), make_run("killed")
    assert Trainer(whole).wait(120) == 0
    trainer = Trainer(killed)
    wait_until(lambda: len(killed.read_stats()) >= 5, alive=trainer)
    trainer.kill()
    trainer.wait()
    assert CheckpointStore(killed.checkpoints).committed()
    status = killed.status()
    assert status is not None
    assert status.state == "running"
    assert not killed.is_locked()
    assert state_of(killed) == "running"
    assert Trainer(killed).wait(120) == 0
    assert_same_end(whole, killed)
    sample = (whole.samples / f"{CONFIG.nimg:012d}.png").read_bytes()
    assert sample == (killed.samples / f"{CONFIG.nimg:012d}.png").read_bytes()
    assert f"shardgan run {whole.config().run}".encode() in read_xmp(sample)
    assert not read_xmp((whole.samples / "real.png").read_bytes())
    assert state_of(killed) == "done"
    assert_time_is_accounted_for(whole, killed)


def assert_time_is_accounted_for(whole: RunDirectory, killed: RunDirectory) -> None:
    """Goodput and cost survive the kill: they come from what both trainers of the run have recorded."""
    rows = History(killed.path).rows()
    assert [row["event"] for row in rows if row["event"] != "tick"] == ["start", "train", "start", "train", "end"]
    goodput, cost = Goodput.of(rows), Cost.of_run(rows)
    assert goodput is not None
    assert cost is not None
    assert goodput.total == pytest.approx(rows[-1]["at"] - rows[0]["at"])
    assert all(goodput.seconds[name] > 0 for name in ("useful", "start", "checkpoint"))
    second = max(number for number, row in enumerate(rows) if row["event"] == "train")
    seen = max(row["nimg"] for row in rows[:second] if "nimg" in row)
    assert (goodput.seconds["repeated"] > 0) == (seen > rows[second]["nimg"])
    assert goodput.seconds["queue"] == 0
    assert cost.starts == 2
    assert cost.gpu_hours == 0
    shares = [row["goodput_share"] for row in killed.read_stats()]
    assert all(0 < share < 1 for share in shares)
    # Both have the same steps to do, but one lost some of them and had to start twice.
    undisturbed = Goodput.of(History(whole.path).rows())
    assert undisturbed is not None
    assert undisturbed.seconds["repeated"] == undisturbed.seconds["restart"] == 0


def state_of(run: RunDirectory) -> str:
    """The state that the live page shows."""
    state: str = json.loads(run.live_data.read_text()[len("show(") : -len(");\n")])["state"]
    return state


def test_a_step_that_does_not_fit_halves_the_micro_batch_down_to_two(make_run: Callable[..., RunDirectory]) -> None:
    run = make_run("narrow")
    for full, half in [(8, 4), (4, 2)]:
        halve_micro_batch(run, OutOfMemoryError("too much", full))
        assert run.train_config() == CONFIG.model_copy(
            update={"compute": CPU.model_copy(update={"micro_batch_size": half})}
        )
    assert [(event["event"], event["action"]) for event in run.read_events()] == [("out_of_memory", "halve")] * 2
    with pytest.raises(OutOfMemoryError):
        halve_micro_batch(run, OutOfMemoryError("too much", 2))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_trainer_told_to_stop_checkpoints_and_says_so(
    make_run: Callable[..., RunDirectory], number: signal.Signals
) -> None:
    run = make_run("stopped", CONFIG.model_copy(update={"nimg": 10_000_000}))
    trainer = Trainer(run)
    wait_until(run.read_stats, alive=trainer)
    trainer.send_signal(number)
    assert trainer.wait(20) == 0
    status = run.status()
    assert status is not None
    assert status.state == "resumable"
    assert number.name in status.reason
    checkpoint = CheckpointStore(run.checkpoints).load_latest()
    assert checkpoint is not None
    assert checkpoint.nimg == status.nimg > 0


def test_a_second_trainer_on_the_same_run_says_why_it_will_not(make_run: Callable[..., RunDirectory]) -> None:
    run = make_run("twice", CONFIG.model_copy(update={"nimg": 10_000_000}))
    first = Trainer(run)
    wait_until(run.read_stats, alive=first)
    second = Trainer(run)
    assert second.wait(60) == 1
    assert "another trainer works in" in run.log.read_text()
    status = run.status()
    assert status is not None
    assert status.state == "running"
    first.kill()
    first.wait()


def test_a_trainer_with_a_damaged_dataset_fails_with_the_reason(
    make_run: Callable[[str], RunDirectory], dataset: str
) -> None:
    run = make_run("damaged")
    shard = Path(dataset).parent / Dataset.open(dataset).manifest.shards("train")[0].url
    content = bytearray(shard.read_bytes())
    content[600] ^= 1
    shard.write_bytes(content)
    assert Trainer(run).wait(60) == 1
    status = run.status()
    assert status is not None
    assert status.state == "failed"
    assert shard.name in status.reason


ORPHAN_MAKER = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-m", "tasks.trainer.worker", sys.argv[1]], stdout=sys.stderr).pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_trainer_whose_supervisor_is_killed_checkpoints_and_ends(make_run: Callable[..., RunDirectory]) -> None:
    run = make_run("orphan", CONFIG.model_copy(update={"nimg": 10_000_000}))
    command = [sys.executable, "-c", ORPHAN_MAKER, str(run.path)]
    with run.log.open("ab") as log:
        parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    assert parent.stdout is not None
    trainer_pid = int(parent.stdout.readline())
    wait_until(run.read_stats, alive=parent)
    parent.kill()
    parent.wait()
    wait_until(lambda: not run.is_locked(), what="the end of the trainer")
    status = run.status()
    assert status is not None
    assert status.state == "resumable"
    # The child was adopted by init, which may take a moment to bury it.
    wait_until(lambda: is_gone(trainer_pid), what="the burial of the trainer")


def is_gone(pid: int) -> bool:
    try:
        return "zombie" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
