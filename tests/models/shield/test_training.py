"""The filter inside a training: off, it changes nothing; on, exact resume and all families still work."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.compute.config import ComputeConfig
from models.compute.parallel import World
from models.errors import CheckpointError, ConfigError
from models.networks.families import NetworkSpec
from models.shield.filter import filter_batch
from models.shield.shield import ReferenceNetworks, Trusted
from models.training.checkpoints import CheckpointStore
from models.training.config import TrainConfig
from models.training.io import TrainingInputs
from models.training.loop import make_state, train
from tests.models.trainings import StoppingIO, assert_same_bits

SHIELD = {"policy": "gate", "trusted": "val", "first_steps": 3, "steps": 2, "batch_size": 32, "interval_nimg": 24}
CONFIG = TrainConfig.model_validate(
    {
        "family": "dcgan",
        "nimg": 64,
        "batch_size": 8,
        "tick_nimg": 16,
        "checkpoint_ticks": 2,
        "snapshot_ticks": 2,
        "compute": {"threads": 1, "device": "cpu"},
        "health": {"score_ticks": 0},
        "shield": {**SHIELD, "false_positive_rate": 0.05},
    }
)


def spec(family: str = "dcgan") -> NetworkSpec:
    return NetworkSpec(family=family, resolution=16, channels=1, num_classes=2, latent_dim=4, width=8)


def make_trusted(num_images: int = 60) -> Trusted:
    """Dark images with a bright bar: the class says whether it lies or stands."""
    rng = np.random.default_rng(3)
    images = rng.integers(0, 40, (num_images, 1, 16, 16), dtype=np.uint8)
    classes = np.arange(num_images) % 2
    for image, label, place in zip(images, classes, rng.integers(2, 13, num_images), strict=True):
        image[0, place : place + 2] = 200 if label else image[0, place : place + 2]
        image[0, :, place : place + 2] = image[0, :, place : place + 2] if label else 200
    return Trusted(torch.from_numpy(images), torch.from_numpy(classes))


def open_batches(nimg: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless batches of which every fourth image is noise."""
    real = make_trusted(200)
    while True:
        rng = np.random.default_rng(nimg)
        rows = rng.integers(0, 200, 8)
        images = real.images.numpy()[rows]
        images[::4] = rng.integers(0, 256, (2, 1, 16, 16))
        yield images, real.classes.numpy()[rows]
        nimg += 8


def run(folder: Path, config: TrainConfig = CONFIG, stop_at: int | None = None, family: str = "dcgan") -> Any:
    io = StoppingIO(stop_at)
    inputs = TrainingInputs(open_batches, trusted=make_trusted() if config.shield.policy == "gate" else None)
    return train(config, spec(family), inputs, CheckpointStore(folder, config.keep_checkpoints), io), io.rows


def test_without_a_shield_there_is_nothing_of_it() -> None:
    off = TrainConfig(family="dcgan")
    assert "shield" not in off.identity()
    assert "shield" in CONFIG.identity()
    state = make_state(off, spec(), torch.device("cpu"), World())
    assert state.shield is None
    assert not any("shield" in name for name in state.tensors())


@pytest.mark.parametrize("stop_at", [2, 5])
def test_a_shielded_training_stopped_and_resumed_ends_in_the_same_bits(tmp_path: Path, stop_at: int) -> None:
    whole, _ = run(tmp_path / "whole")
    stopped, _ = run(tmp_path / "parts", stop_at=stop_at)
    assert stopped.nimg == 8 * stop_at
    resumed, _ = run(tmp_path / "parts")
    assert_same_bits(whole, resumed)
    assert whole.shield.num_updates == 3
    assert torch.isfinite(whole.shield.threshold)


@pytest.mark.parametrize("family", ["r3", "vaegan", "projected"])
def test_every_family_with_a_discriminator_trains_with_the_filter(tmp_path: Path, family: str) -> None:
    settings = {**CONFIG.model_dump(mode="json"), "family": family, "nimg": 16, "preset": "auto"}
    _, rows = run(tmp_path, TrainConfig.model_validate(settings), family=family)
    assert all(np.isfinite(value) for value in rows[-1].values())
    assert 0 <= rows[-1]["shield_dropped"] <= 1


def test_micro_batches_do_not_change_which_images_are_let_in(tmp_path: Path) -> None:
    small = ComputeConfig(threads=1, device="cpu", micro_batch_size=4)
    short = CONFIG.model_copy(update={"nimg": 24})
    _, whole = run(tmp_path / "whole", short)
    _, parts = run(tmp_path / "parts", short.model_copy(update={"compute": small}))
    assert parts[0]["shield_dropped"] == pytest.approx(whole[0]["shield_dropped"])
    assert parts[0]["shield_threshold"] == pytest.approx(whole[0]["shield_threshold"], rel=1e-3)


def test_a_family_without_a_discriminator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"family vae has no discriminator, .* dcgan"):
        run(tmp_path, CONFIG.model_copy(update={"family": "vae"}), family="vae")


def test_too_few_trusted_images_are_refused_with_the_number_that_is_needed(tmp_path: Path) -> None:
    strict = CONFIG.shield.model_copy(update={"false_positive_rate": 0.01})
    with pytest.raises(ConfigError, match=r"30 trusted images are held out; .* needs 99"):
        run(tmp_path, CONFIG.model_copy(update={"shield": strict}))


def test_a_filter_without_trusted_images_is_refused() -> None:
    with pytest.raises(ConfigError, match="name some hundreds"):
        make_state(CONFIG, spec(), torch.device("cpu"), World())
    with pytest.raises(ValueError, match=r"shield\.trusted is empty"):
        TrainConfig.model_validate({"family": "dcgan", "shield": {"policy": "gate"}})


def test_a_checkpoint_without_a_shield_is_refused(tmp_path: Path) -> None:
    run(tmp_path, CONFIG.model_copy(update={"shield": TrainConfig(family="dcgan").shield}), stop_at=1)
    with pytest.raises(CheckpointError, match="no shield"):
        run(tmp_path)


@pytest.mark.parametrize("num_dropped", [0, 3, 8])
def test_what_is_not_accepted_is_replaced_with_its_label(num_dropped: int) -> None:
    state = make_state(CONFIG, spec(), torch.device("cpu"), World(), trusted=make_trusted())
    assert state.shield is not None
    images, labels = make_trusted(8).images, torch.arange(8)
    scores = state.shield.score(images)
    ordered = scores.sort().values
    between = (ordered[1:] + ordered[:-1]) / 2  # thresholds that equal no score
    state.shield.threshold = torch.cat([ordered[:1] - 1, between, ordered[-1:] + 1])[num_dropped]
    references = ReferenceNetworks(state.ema, state.discriminator)
    filtered = filter_batch(state.shield, references, images, labels, nimg=8, batch_size=8)
    assert float(filtered.statistics["shield_dropped"]) == pytest.approx(num_dropped / 8)
    if num_dropped == 8:
        trusted = state.shield.training_part.images
        assert all((image == trusted).flatten(1).all(dim=1).any() for image in filtered.images)
    else:
        assert torch.equal(filtered.images, images[filtered.labels])
        assert (scores[filtered.labels] >= state.shield.threshold).all()
        kept = scores >= state.shield.threshold
        assert torch.equal(filtered.labels[kept], labels[kept])
