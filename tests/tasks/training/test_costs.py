"""The estimates of a training and an evaluation: real steps and real judges, with the counts of the whole dataset."""

from pathlib import Path

from models.metrics.config import EvalConfig
from models.training.config import TrainConfig
from models.training.health_config import HealthConfig
from shards import Dataset
from tasks.trainer.costs.trials import Budget
from tasks.training.costs.evaluation import estimate_evaluation
from tasks.training.costs.training import Schedule, estimate_training


def test_a_training_and_its_evaluation_are_estimated(dataset: str, tmp_path: Path) -> None:
    config = TrainConfig(family="dcgan", nimg=4_000, width=4, latent_dim=8, batch_size=8, tick_nimg=1_000)
    counts = {"train": 30_000, "val": 2_000}
    trained = estimate_training(config, Dataset.open(dataset), counts, 0.0, tmp_path, Budget(0))
    assert trained.cost.seconds
    assert trained.cost.disk_bytes
    assert trained.cost.memory_bytes
    assert trained.cost.memory_bytes > 30_000 * 3 * 16 * 16
    assert "4,000 images" in trained.cost.basis
    judged = EvalConfig(input_size=32, num_images=500)
    few = estimate_evaluation(judged, *trained[1:], {"train": 20, "val": 20}, 0.0, Budget(0))
    assert few.seconds
    assert "540 images" in few.basis
    unknown = estimate_evaluation(EvalConfig(feature_net="classifier"), *trained[1:], counts, 0.0, Budget(0))
    assert unknown.seconds is None
    assert "classifier" in unknown.basis


def test_the_schedule_counts_what_the_loop_does() -> None:
    health = HealthConfig(score_ticks=2)
    config = TrainConfig(
        family="dcgan", nimg=9_500, batch_size=32, tick_nimg=1_000, snapshot_ticks=4, checkpoint_ticks=5, health=health
    )
    # Ten ticks: grids at 0, 4, 8 and the end; a score after each second tick.
    assert Schedule.of(config, num_val=50) == Schedule(steps=297, grids=4, checkpoints=2, scores=5)
    assert Schedule.of(config, num_val=1).scores == 0
