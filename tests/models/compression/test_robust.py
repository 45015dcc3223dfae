"""Training that compresses what is generated: what is shown, drawn and learnt, and that a stop costs nothing."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.compression.robust import Codecs, KnownCompression, LearnedCompression, make_compressor
from models.compute.config import ComputeConfig
from models.compute.draws import Draws
from models.errors import ConfigError
from models.networks.families import FAMILIES, NetworkSpec
from models.objectives import Batch
from models.objectives.losses import roughness
from models.training.checkpoints import CheckpointStore
from models.training.config import TrainConfig
from models.training.io import TrainingInputs
from models.training.loop import train
from models.training.state import TrainState
from tests.models.trainings import StoppingIO, assert_same_bits, random_batches

CPU = ComputeConfig(threads=1, device="cpu")
TABLES = np.stack([np.full((3, 8, 8), 40), np.full((3, 8, 8), 9), np.ones((3, 8, 8))])
CODECS = Codecs(TABLES, np.array([[2, 2], [1, 1], [0, 0]]), np.array([30, 60, 10]))
SLOW = {"projected": [pytest.mark.slow]}  # its objective compresses as that of dcgan does
MODES = [pytest.param(family, mode, marks=SLOW.get(family, [])) for family in FAMILIES for mode in ("known", "learned")]


def network(family: str = "dcgan", channels: int = 3) -> NetworkSpec:
    return NetworkSpec(family=family, resolution=16, channels=channels, num_classes=2, latent_dim=4, width=8)


def run(
    folder: Path, family: str, mode: str, stop_at: int | None = None, **settings: Any
) -> tuple[TrainState, list[Any]]:
    settings = {"nimg": 64, "batch_size": 8, "tick_nimg": 16, "compute": CPU, **settings}
    io, config = StoppingIO(stop_at), TrainConfig(family=family, compression=mode, **settings)
    inputs = TrainingInputs(partial(random_batches, channels=3), codecs=CODECS if mode == "known" else None)
    return train(config, network(family), inputs, CheckpointStore(folder), io), io.rows


@pytest.mark.parametrize(("family", "mode"), MODES)
def test_a_stopped_and_resumed_training_ends_in_the_same_bits(tmp_path: Path, family: str, mode: str) -> None:
    whole, rows = run(tmp_path / "whole", family, mode)
    run(tmp_path / "parts", family, mode, stop_at=3)
    resumed, _ = run(tmp_path / "parts", family, mode)
    assert_same_bits(whole, resumed)
    assert all(np.isfinite(value) for row in rows for value in row.values())
    assert ("compressor.counts" in whole.tensors()) == (mode == "learned")


@pytest.mark.parametrize("mode", ["known", "learned"])
def test_micro_batches_sum_up_to_the_batch(tmp_path: Path, mode: str) -> None:
    whole, _ = run(tmp_path / "whole", "r3", mode)
    parts, _ = run(tmp_path / "parts", "r3", mode, compute=CPU.model_copy(update={"micro_batch_size": 3}))
    for name, weights in whole.generator.state_dict().items():
        assert torch.allclose(parts.generator.state_dict()[name], weights, rtol=1e-3, atol=1e-5), name


def test_off_is_what_it_was(tmp_path: Path) -> None:
    state, rows = run(tmp_path, "dcgan", "off")
    assert state.compressor is None
    assert not [name for row in rows for name in row if name.startswith("compression")]


def test_what_is_shown_is_compressed_and_what_is_made_is_not() -> None:
    state = TrainState(network(), torch.device("cpu"), compressor=KnownCompression(one_codec()))
    real, labels = torch.zeros(4, 3, 16, 16), torch.tensor([0, 1, 0, 1])
    batch = Batch(real, labels, lambda: lambda images: images, Draws((1,), real.device, 4), compressor=state.compressor)
    with torch.no_grad():
        made, shown = batch.fake(state)
        torch.testing.assert_close(made, state.generator(batch.noise("z", 4), labels))
    blocks = ((shown[:, 0] + 1) * 127.5 - 128).unfold(1, 8, 8).unfold(2, 8, 8)
    # With steps of 2,000, a block of grey images is one colour.
    assert torch.allclose(blocks, blocks.mean(dim=(3, 4), keepdim=True), atol=1)
    assert float(made.std(dim=(2, 3)).min()) > 10 * float(shown.std(dim=(2, 3)).max())


def test_drift_leads_images_to_smoother_ones_that_jpeg_leaves_the_same_and_nowhere_without_it() -> None:
    real, labels = torch.zeros(4, 3, 16, 16), torch.tensor([0, 1, 0, 1])
    draws = Draws((1,), real.device, 4)
    batch = Batch(real, labels, lambda: _same, draws, compressor=KnownCompression(one_codec()), consistency=3.0)
    images = (torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) - 0.5).requires_grad_()
    made = batch.compress("fake", images)
    (gradient,) = torch.autograd.grad(batch.drift(made), images)
    images = images.detach()
    drift = float(batch.drift(made).detach())
    assert drift == pytest.approx(3 * float(roughness(images - made.shown.detach())))
    calmer = images - 10 * gradient
    assert float(batch.drift(batch.compress("fake", calmer))) < 0.9 * drift
    assert torch.allclose(batch.compress("fake", calmer).shown, made.shown)
    plain = Batch(real, labels, lambda: _same, draws, consistency=3.0)
    assert float(plain.drift(plain.compress("fake", images))) == 0


def _same(images: torch.Tensor) -> torch.Tensor:
    return images


@pytest.mark.parametrize("family", ["dcgan", "r3", "vaegan"])
def test_consistency_keeps_noise_out_of_what_the_discriminator_does_not_see(tmp_path: Path, family: str) -> None:
    hidden = []
    for consistency in (0.0, 1000.0):
        settings = {"nimg": 256, "learning_rate": 2e-3, "consistency": consistency}
        state, _ = run(tmp_path / str(consistency), family, "known", **settings)
        with torch.no_grad():
            made = state.generator(torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.zeros(8).long())
            hidden.append(float(roughness(made - KnownCompression(CODECS)(made, torch.zeros(8).long()))))
    assert hidden[1] < 0.7 * hidden[0]


def test_consistency_is_part_of_a_runs_identity_only_where_it_counts() -> None:
    assert TrainConfig(family="dcgan", consistency=1.0).identity() == TrainConfig(family="dcgan").identity()
    known = TrainConfig(family="dcgan", compression="known")
    assert known.model_copy(update={"consistency": 1.0}).identity() != known.identity()


def one_codec() -> Codecs:
    return Codecs(np.full((1, 3, 8, 8), 2000), np.array([[2, 2]]), np.array([1]))


def test_encodings_are_drawn_as_often_as_they_are() -> None:
    known = KnownCompression(CODECS)
    drawn = known.draw(Draws((3,), torch.device("cpu"), 20_000))
    shares = torch.bincount(drawn, minlength=3) / len(drawn)
    assert shares.tolist() == pytest.approx([0.3, 0.6, 0.1], abs=0.02)
    images = torch.rand(3, 3, 16, 16) * 2 - 1
    made = known(images, torch.tensor([0, 1, 2]))
    assert torch.equal(made[2], images[2])
    assert float((made[0] - images[0]).square().mean()) > 2 * float((made[1] - images[1]).square().mean()) > 0


def test_low_precision_draws_the_same_encodings() -> None:
    learned = LearnedCompression(3)
    learned.counts.copy_(torch.rand(learned.counts.shape, generator=torch.Generator().manual_seed(0)))
    with torch.autocast("cpu", torch.bfloat16):
        low = learned.bounds()
    assert torch.equal(low, learned.bounds())


def test_without_tables_known_says_so() -> None:
    plain = Codecs(np.ones((1, 3, 8, 8)), np.zeros((1, 2)), np.array([100]))
    for codecs in (None, plain):
        with pytest.raises(ConfigError, match=r"train\.compression is known, but .* learned or off"):
            make_compressor("known", network(), codecs)
