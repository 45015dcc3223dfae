"""Events on rows as real trainings write them, and on rows as sick ones would."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.compute.config import ComputeConfig
from models.errors import DivergedError, EvaluationError
from models.metrics.diversity import Diversity, measure_diversity
from models.networks.families import NetworkSpec
from models.training.checkpoints import TENSORS, Best, CheckpointStore
from models.training.config import TrainConfig
from models.training.health import Spread, collapsed, discriminator_won, score_worse
from models.training.health_config import HealthConfig
from models.training.io import Scored, TrainingInputs
from models.training.loop import train
from models.training.state import TrainState
from tests.models.trainings import StoppingIO, assert_same_bits

POLICY = HealthConfig()
SPEC = NetworkSpec(family="dcgan", resolution=16, channels=1, num_classes=2, latent_dim=4, width=4)
CONFIG = TrainConfig(
    family="dcgan",
    nimg=96,
    batch_size=8,
    tick_nimg=16,
    checkpoint_ticks=1,
    snapshot_ticks=2,
    compute=ComputeConfig(threads=1, device="cpu"),
)
# nimg, loss_d, accuracy_real, accuracy_fake: the first 24,000 images of the digits demo.
HEALTHY = [
    (2016, 0.2343, 0.9668, 0.9692),
    (4000, 0.6088, 0.8841, 0.9017),
    (6016, 0.8269, 0.8120, 0.8160),
    (8000, 0.9084, 0.7656, 0.7848),
    (10016, 0.9173, 0.7669, 0.7872),
    (12000, 0.9264, 0.7656, 0.7954),
    (14016, 0.9438, 0.7634, 0.8031),
    (16000, 0.8917, 0.7762, 0.8160),
    (18016, 0.9173, 0.7679, 0.8110),
    (20000, 0.9013, 0.7651, 0.8140),
    (22016, 0.9786, 0.7361, 0.7798),
    (24000, 0.9330, 0.7495, 0.8115),
]


def healthy_rows() -> list[dict[str, float]]:
    names = ("nimg", "loss_d", "accuracy_real", "accuracy_fake")
    return [dict(zip(names, row, strict=True)) for row in HEALTHY]


def batches_with(broken: frozenset[int] = frozenset()) -> Any:
    """Batches that depend on the position alone; those at the `broken` positions are not numbers."""

    def open_batches(nimg: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            rng = np.random.default_rng(nimg)
            images = rng.integers(0, 256, (8, 1, 16, 16), dtype=np.uint8)
            bad = np.full(images.shape, np.nan, np.float32)
            yield (bad if nimg in broken else images), rng.integers(0, 2, 8)
            nimg += 8

    return open_batches


class ScriptedScorer:
    """Scores that are known beforehand, by nimg, for checkpoints that are on disk when they are asked for."""

    def __init__(self, store: CheckpointStore, values: dict[int, float], fails: frozenset[int] = frozenset()) -> None:
        self.store, self.values, self.fails = store, values, fails
        self.asked: list[int] = []
        self.diversity: dict[int, Diversity | None] = {}

    def start(self, nimg: int) -> None:
        assert self.store.path(nimg) in self.store.committed()

    def collect(self, nimg: int, should_stop: Any) -> Scored | None:
        if nimg in self.fails:
            raise EvaluationError("no score here")
        if should_stop():
            return None
        self.asked.append(nimg)
        return Scored(Best(nimg, "FD", self.values.get(nimg, 100.0), "p"), self.diversity.get(nimg))


class Training:
    """One training and what came out of it."""

    def __init__(self, folder: Path, values: dict[int, float] | None = None, **changes: Any) -> None:
        health = {"score_ticks": 1 if values else 0, **changes.pop("health", {})}
        self.config = CONFIG.model_copy(update={"health": HealthConfig(**health), **changes})
        self.store = CheckpointStore(folder / "checkpoints", self.config.keep_checkpoints)
        self.scorer = ScriptedScorer(self.store, values or {})
        self.rows: list[dict[str, float]] = []
        self.events: list[dict[str, Any]] = []

    def run(self, stop_at: int | None = None, batches: Any = None) -> TrainState:
        io = StoppingIO(stop_at)
        io.rows, io.events = self.rows, self.events
        return train(self.config, SPEC, TrainingInputs(batches or batches_with()), self.store, io, scorer=self.scorer)

    def told(self) -> list[tuple[int, str, str]]:
        return [(event["nimg"], event["event"], event["action"]) for event in self.events]


def assert_same(first: TrainState, second: TrainState) -> None:
    assert_same_bits(first, second)
    assert first.health == second.health


def test_a_healthy_training_is_no_event() -> None:
    assert not any(discriminator_won(row, POLICY) for row in healthy_rows())


@pytest.mark.parametrize(
    ("row", "won"),
    [
        ({"loss_d": 0.01, "accuracy_real": 1.0, "accuracy_fake": 1.0}, True),
        ({"loss_d": 0.01, "accuracy_real": 1.0, "accuracy_fake": 0.9}, False),
        ({"loss_d": 0.2, "accuracy_real": 1.0, "accuracy_fake": 1.0}, False),
        ({"loss_d": 0.01, "accuracy_pairs": 1.0}, True),
        ({"loss_d": 0.01, "accuracy_pairs": 0.8}, False),
        ({"loss_g": 0.0, "squared_error": 0.0}, False),
    ],
)
def test_when_a_discriminator_has_won(row: dict[str, float], won: bool) -> None:
    assert discriminator_won(row, POLICY) is won


def test_the_spread_of_images_is_their_variance() -> None:
    images = torch.randn(500, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(500) % 2
    spread = Spread({})
    for part in range(0, 500, 50):
        spread.add(images[part : part + 50] + labels[part : part + 50, None, None, None] * 9, labels[part : part + 50])
    assert spread.variances() == pytest.approx({0: 1.0, 1: 1.0}, rel=0.05)


def test_a_class_whose_images_are_all_alike_is_collapsed_and_the_others_are_not() -> None:
    real, made = Spread({}), Spread({})
    noise = torch.randn(40, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(40) % 2
    real.add(noise, labels)
    made.add(noise * torch.where(labels == 1, 0.1, 0.7)[:, None, None, None], labels)
    assert list(collapsed(made, real, POLICY)) == [1]
    assert collapsed(real, real, POLICY) == {}


def test_real_images_that_are_all_equal_say_nothing() -> None:
    """The mean of 30 equal images is rounded, so their computed variance is above zero; that of two is exactly zero."""
    real, made = Spread({}), Spread({})
    one = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    real.add(one.expand(30, -1, -1, -1), torch.zeros(30))
    made.add(one.expand(2, -1, -1, -1), torch.zeros(2))
    assert collapsed(made, real, POLICY) == {}


def test_too_few_real_images_say_nothing() -> None:
    real, made = Spread({}), Spread({})
    real.add(torch.randn(4, 1, 4, 4), torch.zeros(4))
    made.add(torch.zeros(8, 1, 4, 4), torch.zeros(8))
    assert collapsed(made, real, POLICY) == {}


def test_far_worse_is_a_factor() -> None:
    assert score_worse(137, 49, POLICY)
    assert not score_worse(60, 49, POLICY)


def test_a_healthy_training_tells_of_nothing(tmp_path: Path) -> None:
    training = Training(tmp_path, {16: 50.0, 32: 40.0, 48: 45.0, 64: 39.0, 80: 41.0, 96: 38.0})
    training.run()
    assert training.events == []


def test_a_won_discriminator_is_told_of_once_and_on_time(tmp_path: Path) -> None:
    # Whatever the discriminator does counts as winning here: five ticks in a row are an event at the fifth.
    training = Training(tmp_path, health={"won_accuracy": 0.0, "won_loss": 100.0})
    training.run()
    assert training.told() == [(80, "discriminator_won", "warn")]
    assert [row["nimg"] for row in training.rows] == [16, 32, 48, 64, 80, 96]


def test_collapsed_images_are_told_of_by_class(tmp_path: Path) -> None:
    training = Training(tmp_path, health={"collapsed_spread": 1.0, "collapsed_from_nimg": 0})
    training.run()
    # By 64 images each class has enough real ones to compare with; the second such snapshot is the event.
    assert training.told() == [(96, "collapsed_samples", "warn")]
    assert "class 0" in training.events[0]["reason"]


def test_a_breakdown_without_any_score_ends_as_diverged(tmp_path: Path) -> None:
    training = Training(tmp_path, health={"won_accuracy": 0.0, "won_loss": 100.0, "discriminator_won": "stop"})
    with pytest.raises(DivergedError, match="more augmentation"):
        training.run()
    assert training.told() == [(80, "discriminator_won", "stop")]


def test_the_best_is_kept_while_newer_ones_come_and_go(tmp_path: Path) -> None:
    training = Training(tmp_path, {16: 50.0, 32: 20.0})
    training.run()
    assert [int(path.name) for path in training.store.committed()] == [32, 80, 96]
    best = training.store.load_best()
    assert best is not None
    assert best.nimg == 32
    assert training.scorer.asked == [16, 32, 48, 64, 80, 96]


def test_a_damaged_best_falls_back_to_the_newest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    training = Training(tmp_path, {32: 20.0})
    training.run()
    weights = training.store.path(32) / TENSORS
    weights.write_bytes(weights.read_bytes()[:-1])
    best = training.store.load_best()
    assert best is not None
    assert best.nimg == 96
    assert "taking the newest checkpoint" in caplog.text


def test_a_score_that_fails_is_an_event_and_not_the_end(tmp_path: Path) -> None:
    training = Training(tmp_path, dict.fromkeys(range(16, 97, 16), 50.0))
    training.scorer.fails = frozenset({32})
    assert training.run().nimg == 96
    assert training.told() == [(48, "scorer_failed", "warn")]


def test_scores_that_stay_worse_end_it_with_the_best(tmp_path: Path) -> None:
    training = Training(tmp_path, {16: 20.0}, health={"score_worse": "stop"})
    state = training.run()
    assert training.told() == [(64, "score_worse", "stop")]
    assert state.nimg == 64
    assert "above 1.5 times the best" in state.health.stopped
    assert training.run().nimg == 64
    assert training.store.load_best().nimg == 16  # type: ignore[union-attr]


def test_scores_that_stay_worse_send_it_back_to_the_best(tmp_path: Path) -> None:
    training = Training(tmp_path, {16: 20.0}, health={"score_worse": "rollback"})
    state = training.run()
    assert training.told() == [(64, "score_worse", "rollback"), (96, "score_worse", "stop")]
    assert state.health.learning_rate_factor == 0.5
    best, returned = training.store.load_best(), training.store.load_latest()
    assert best is not None
    assert returned is not None
    assert {group["lr"] for o in state.optimizers.values() for group in o.param_groups} == {CONFIG.learning_rate / 2}


FEATURES = np.random.default_rng(0).normal(size=(60, 32)).astype(np.float32)
EVERY = range(16, 97, 16)


@pytest.mark.parametrize(
    ("features", "told"),
    [(np.repeat(FEATURES[:1], 60, axis=0), [(48, "low_diversity", "stop")]), (FEATURES[::-1] * 0.8, [])],
    ids=["one image repeated", "healthy"],
)
def test_a_collapsed_generator_is_told_of_and_a_healthy_one_is_not(
    tmp_path: Path, features: np.ndarray, told: list[tuple[int, str, str]]
) -> None:
    health = {"low_diversity": "stop", "collapsed_from_nimg": 16, "collapsed_spread": 0.0}
    training = Training(tmp_path, dict.fromkeys(EVERY, 50.0), health=health)
    training.scorer.diversity = dict.fromkeys(EVERY, measure_diversity(features, FEATURES))
    training.run()
    assert training.told() == told
    assert all("is 0 (all images), expected at least 0.3" in event["reason"] for event in training.events)


def test_two_reasons_to_act_at_one_score_are_both_told_and_acted_on_once(tmp_path: Path) -> None:
    health = {"low_diversity": "warn", "score_worse": "rollback", "diversity_patience": 3, "collapsed_from_nimg": 0}
    training = Training(tmp_path, {16: 20.0}, nimg=80, health=health | {"collapsed_snapshots": 9})
    training.scorer.diversity = dict.fromkeys(EVERY, Diversity(0.9, {0: 0.2, 1: 0.9}, 0.55))
    state = training.run()
    assert training.told()[:2] == [(64, "low_diversity", "warn"), (64, "score_worse", "rollback")]
    assert "is 0.2 (class 0), expected" in training.events[0]["reason"]
    assert state.health.num_rollbacks == 1


def test_values_that_are_not_finite_send_it_back_once(tmp_path: Path) -> None:
    training = Training(tmp_path)
    state = training.run(batches=batches_with(frozenset({40})))
    assert training.told() == [(48, "non_finite", "rollback")]
    assert [row["nimg"] for row in training.rows] == [16, 32, 64, 80, 96]
    assert (state.nimg, state.health.num_rollbacks, state.health.learning_rate_factor) == (96, 1, 0.5)
    assert all(torch.isfinite(value).all() for value in state.tensors().values())


def test_values_that_are_not_finite_for_the_second_time_end_it(tmp_path: Path) -> None:
    training = Training(tmp_path)
    with pytest.raises(DivergedError, match="rolled back once already"):
        training.run(batches=batches_with(frozenset({40, 72})))
    assert training.told() == [(48, "non_finite", "rollback"), (80, "non_finite", "stop")]
    kept = training.store.load_latest()
    assert kept is not None
    assert kept.nimg == 64


def test_a_learning_rate_that_cannot_work_is_not_mended_by_halving_it(tmp_path: Path) -> None:
    training = Training(tmp_path, learning_rate=1e30, beta1=0.0)
    with pytest.raises(DivergedError, match="no checkpoint to roll back to"):
        training.run()
    assert training.told() == [(16, "non_finite", "stop")]


SICK = {16: 20.0, 32: 21.0}


def sick_training(folder: Path) -> Training:
    return Training(folder, SICK, health={"score_worse": "stop", "score_patience": 3})


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Training, TrainState]:
    """A training in which values break at 40 images and scores are worse from 48 on, without a stop from outside."""
    training = sick_training(tmp_path_factory.mktemp("whole"))
    return training, training.run(batches=batches_with(frozenset({40})))


@pytest.mark.parametrize("stop_at", [1, 4, 6, 7, 8, 9, 11, 14, 16])
def test_rolled_back_stopped_and_resumed_ends_in_the_same_bits(
    tmp_path: Path, sick: tuple[Training, TrainState], stop_at: int
) -> None:
    """Stops before, at and after the steps at which values break, scores are waited for, and it goes back."""
    batches, (whole, expected) = batches_with(frozenset({40})), sick
    parts = sick_training(tmp_path)
    parts.run(stop_at, batches)
    assert_same(expected, parts.run(batches=batches))
    assert whole.told() == parts.told() == [(48, "non_finite", "rollback"), (96, "score_worse", "stop")]
    assert [p.name for p in whole.store.committed()] == [p.name for p in parts.store.committed()]
    for ours, theirs in zip(whole.rows, parts.rows, strict=True):
        assert ours["loss_d"] == theirs["loss_d"]
