"""Quick scores as they are really taken: a child of the trainer, which is a child itself."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from models.compute.config import ComputeConfig
from models.errors import EvaluationError
from models.metrics.protocol import Protocol
from models.training.checkpoints import CheckpointStore
from models.training.health_config import HealthConfig
from models.training.loop import TrainConfig
from shards import Dataset
from tasks.home import home
from tasks.registry.versions import register
from tasks.tracking.runs import RunTracker, connect
from tasks.trainer.run_directory import RunDirectory
from tasks.trainer.scoring.child import ChildScorer
from tasks.training.stage import plan_run
from tests.trainers import Trainer
from tests.waiting import wait_until

CONFIG = TrainConfig(
    family="dcgan",
    nimg=800,
    batch_size=8,
    width=8,
    latent_dim=8,
    tick_nimg=80,
    checkpoint_ticks=5,
    snapshot_ticks=5,
    compute=ComputeConfig(threads=1, device="cpu"),
    # Whatever the discriminator does is winning: the training is rolled back at its sixth tick.
    health=HealthConfig(
        score_ticks=5,
        score_images=16,
        score_input_size=32,
        discriminator_won="rollback",
        won_accuracy=0.0,
        won_loss=100.0,
        won_ticks=6,
    ),
)


@pytest.fixture
def make_run(dataset: str) -> Callable[[str], RunDirectory]:
    def make(name: str) -> RunDirectory:
        run = RunDirectory(home().runs / name)
        run.create(plan_run(dataset, CONFIG))
        return run

    return make


def scorers_of(run: RunDirectory) -> list[Path]:
    """The processes that score checkpoints of `run`, whoever their parent is."""
    wanted = b"tasks.trainer.scoring.scorer\0" + str(run.path).encode() + b"\0"
    return [path.parent for path in Path("/proc").glob("[0-9]*/cmdline") if wanted in read_if_there(path)]


def read_if_there(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ProcessLookupError):
        return b""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_a_trainer_killed_after_a_rollback_and_with_its_scorer_ends_in_the_same_bits_and_registers_the_best(
    make_run: Callable[[str], RunDirectory], dataset: str
) -> None:
    whole, killed = make_run("whole"), make_run("killed")
    first, second = Trainer(whole), Trainer(killed)
    wait_until(lambda: scorers_of(killed) and killed.read_events())
    second.kill()
    second.wait()
    wait_until(lambda: not scorers_of(killed))
    assert Trainer(killed).wait(120) == 0
    assert first.wait(120) == 0

    scores = whole.read_scores()
    assert [row["nimg"] for row in scores] == [400, 800]
    assert scores == killed.read_scores()
    manifest = Dataset.open(dataset).manifest
    for row in scores:
        protocol = Protocol.model_validate(row["protocol"])
        assert protocol.digest() == row["digest"]
        assert (protocol.num_generated, protocol.input_size, protocol.split) == (16, 32, "val")
        assert (protocol.dataset_version, protocol.num_reference) == (manifest.version, manifest.num_samples("val"))
    ours, theirs = (CheckpointStore(run.checkpoints).load_latest() for run in (whole, killed))
    assert ours is not None
    assert theirs is not None
    assert all(torch.equal(ours.tensors[name], theirs.tensors[name]) for name in ours.tensors)
    assert ours.values == theirs.values
    assert (ours.values["health"]["num_rollbacks"], ours.values["health"]["learning_rate_factor"]) == (1, 0.5)
    assert whole.read_events() == killed.read_events()
    assert [(row["nimg"], row["action"]) for row in whole.read_events()] == [(480, "rollback")]

    best = min(scores, key=lambda row: row["value"])
    recorded = CheckpointStore(whole.checkpoints).best()
    assert recorded is not None
    assert (recorded.nimg, recorded.value, recorded.protocol) == (best["nimg"], best["value"], best["digest"])
    tracker = RunTracker(connect(home()), home(), whole, {})
    tracker.finish()
    history = tracker.client.get_metric_history(tracker.run_id, "quick/FD-EffNetLite0")
    assert [(point.step, point.value) for point in history] == [(row["nimg"], row["value"]) for row in scores]
    history = tracker.client.get_metric_history(tracker.run_id, "quick/diversity")
    assert [point.value for point in history] == [row["diversity"]["overall"] for row in scores]
    assert all(row["diversity"]["within"] >= 0 for row in scores)
    tags = register(tracker.client, whole, tracker.run_id, "m").tags
    assert tags["shardgan.nimg"] == str(best["nimg"])
    said = f"best of 2 scored checkpoints: FD-EffNetLite0 {best['value']:.4g} under"
    assert tags["shardgan.chosen"].startswith(said)


def test_a_scorer_that_fails_says_where_to_look(make_run: Callable[[str], RunDirectory]) -> None:
    run = make_run("empty")
    scorer = ChildScorer(run)
    scorer.start(400)
    with pytest.raises(EvaluationError, match=r"exit code 1: see .*train\.log"):
        scorer.collect(400, lambda: False)


def test_a_score_is_taken_once(make_run: Callable[[str], RunDirectory]) -> None:
    run = make_run("known")
    run.append_score({"nimg": 400, "name": "FD", "value": 1.5, "digest": "d"})
    scorer = ChildScorer(run)
    scorer.start(400)
    assert scorer.child is None
    scored = scorer.collect(400, lambda: True)
    assert scored is not None
    assert (scored.score.nimg, scored.score.value, scored.score.protocol) == (400, 1.5, "d")
    assert scored.diversity is None  # a line of an older release


def test_a_scorer_is_ended_when_training_is_told_to_stop(make_run: Callable[[str], RunDirectory]) -> None:
    scorer = ChildScorer(make_run("stopped"))
    scorer.start(400)
    child = scorer.child
    assert child is not None
    assert scorer.collect(400, lambda: True) is None
    scorer.close()
    assert child.returncode == -9


def test_scores_after_the_point_of_return_are_dropped(make_run: Callable[[str], RunDirectory]) -> None:
    run = make_run("cut")
    for nimg in (10, 20, 30):
        run.append_stats({"nimg": nimg, "loss_g": 1.0})
        run.append_score({"nimg": nimg, "name": "FD", "value": 1.5, "digest": "d"})
        run.append_stats({"nimg": nimg, "event": "score_worse", "action": "warn", "reason": "r"})
    with run.scores.open("a") as file:
        file.write(json.dumps({"nimg": 30})[:-3])
    run.cut_stats(20)
    assert [row["nimg"] for row in run.read_stats()] == [10, 20]
    assert [row["nimg"] for row in run.read_events()] == [10, 20]
    assert [row["nimg"] for row in run.read_scores()] == [10, 20]
