from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.augmentation.config import AugmentConfig
from models.compute.config import ComputeConfig
from models.compute.device import memory_errors
from models.errors import CheckpointError, DivergedError, OutOfMemoryError
from models.networks.families import NetworkSpec
from models.training.checkpoints import TENSORS, CheckpointStore
from models.training.io import TrainingInputs
from models.training.loop import TrainConfig, crosses, train
from models.training.state import TrainState
from tests.models.trainings import StoppingIO, assert_same_bits, random_batches

CPU = ComputeConfig(threads=1, device="cpu")
SPEC = NetworkSpec(family="dcgan", resolution=16, channels=1, num_classes=2, latent_dim=4, width=4)
CONFIG = TrainConfig(
    family="dcgan",
    nimg=96,
    batch_size=8,
    tick_nimg=16,
    checkpoint_ticks=2,
    snapshot_ticks=2,
    compute=CPU,
    augment=AugmentConfig(translation=0.1, scale=0.1, colour=0.5, cutout=0.3),
)


class Recorder:
    """Runs a training and keeps what came out of it."""

    def __init__(self, folder: Path, config: TrainConfig = CONFIG) -> None:
        self.config = config
        self.checkpoints = CheckpointStore(folder / "checkpoints", config.keep_checkpoints)
        self.rows: list[dict[str, float]] = []
        self.snapshots: dict[int, bytes] = {}

    def run(self, stop_at: int | None = None, batches: Any = random_batches) -> TrainState:
        io = StoppingIO(stop_at)
        io.rows, io.snapshots = self.rows, self.snapshots
        return train(self.config, SPEC, TrainingInputs(batches), self.checkpoints, io)


@pytest.mark.parametrize("stop_at", [1, 4, 7])
def test_a_stopped_and_resumed_training_ends_in_the_same_bits(tmp_path: Path, stop_at: int) -> None:
    whole = Recorder(tmp_path / "whole").run()
    parts = Recorder(tmp_path / "parts")
    assert parts.run(stop_at).nimg == 8 * stop_at
    assert_same_bits(whole, parts.run())


def test_a_training_resumed_from_an_older_checkpoint_ends_in_the_same_bits(tmp_path: Path) -> None:
    whole = Recorder(tmp_path / "whole").run()
    parts = Recorder(tmp_path / "parts")
    parts.run(stop_at=10)
    newest = parts.checkpoints.committed()[-1] / TENSORS
    newest.write_bytes(newest.read_bytes()[:-1])
    assert_same_bits(whole, parts.run())


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    first = Recorder(tmp_path / "a").run().tensors()
    second = Recorder(tmp_path / "b", CONFIG.model_copy(update={"seed": 1})).run().tensors()
    assert not torch.equal(first["ema.layers.0.weight"], second["ema.layers.0.weight"])


def test_ticks_are_complete_and_finite(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.run()
    assert [row["nimg"] for row in recorder.rows] == [16, 32, 48, 64, 80, 96]
    expected = {"loss_d", "loss_g", "logit_real", "logit_fake", "gradient_norm_d", "gradient_norm_g"}
    expected |= {"images_per_second", "data_share", "memory_bytes"}
    for row in recorder.rows:
        assert expected <= row.keys()
        assert all(np.isfinite(value) for value in row.values())


def test_snapshots_are_pictures_of_the_same_latents(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.run()
    assert sorted(recorder.snapshots) == [0, 32, 64, 96]
    assert all(png.startswith(b"\x89PNG") for png in recorder.snapshots.values())


def test_a_finished_training_run_again_does_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    first = recorder.run()
    rows = len(recorder.rows)
    assert_same_bits(first, recorder.run())
    assert len(recorder.rows) == rows


def test_values_that_are_not_finite_stop_it_before_they_are_saved(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, CONFIG.model_copy(update={"learning_rate": 1e30, "beta1": 0.0}))
    with pytest.raises(DivergedError, match=r"not finite .* lower train\.learning_rate"):
        recorder.run()
    assert recorder.checkpoints.load_latest() is None


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.run(stop_at=2)
    other = SPEC.model_copy(update={"width": 8})
    with pytest.raises(CheckpointError, match="another run name"):
        train(CONFIG, other, TrainingInputs(random_batches), recorder.checkpoints, StoppingIO())


def test_the_average_follows_its_half_life() -> None:
    state = TrainState(SPEC, torch.device("cpu"))
    state.nimg = 10_000_000
    start = state.ema.state_dict()["layers.0.weight"].clone()
    with torch.no_grad():
        for parameter in state.generator.parameters():
            parameter.add_(1)
    for _ in range(10):
        state.average(state.ema_share(0.5**0.1))
    moved = state.ema.state_dict()["layers.0.weight"] - start
    assert torch.allclose(moved, torch.full_like(moved, 0.5), atol=1e-4)


def test_steps_do_not_leave_gradients_in_the_discriminator_from_the_generator(tmp_path: Path) -> None:
    state = Recorder(tmp_path).run(stop_at=1)
    assert all(parameter.requires_grad for parameter in state.discriminator.parameters())
    assert not any(parameter.requires_grad for parameter in state.ema.parameters())


@pytest.mark.parametrize(
    ("before", "after", "expected"), [(0, 8, False), (8, 16, True), (15, 17, True), (16, 31, False)]
)
def test_crosses(before: int, after: int, expected: bool) -> None:
    assert crosses(before, after, 16) is expected


def too_much_for_a_cpu() -> None:
    torch.empty(1 << 60, dtype=torch.uint8)


def too_much_for_a_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")


@pytest.mark.parametrize("allocate", [too_much_for_a_cpu, too_much_for_a_gpu])
def test_memory_that_runs_out_is_said_with_what_to_set(allocate: Any) -> None:
    expected = pytest.raises(OutOfMemoryError, match=r"^64 images at once .* set a smaller train\.compute\.micro")
    with expected as caught, memory_errors(64):
        allocate()
    assert caught.value.num_images == 64


def test_other_errors_of_a_step_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_errors(64):
        torch.ones(2, 3) @ torch.ones(2, 3)


@pytest.mark.gpu
def test_it_trains_on_a_gpu(tmp_path: Path) -> None:
    state = Recorder(tmp_path, CONFIG.model_copy(update={"device": "cuda"})).run()
    assert state.nimg == CONFIG.nimg
