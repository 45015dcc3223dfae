"""Thresholds, forgeries, perturbations, duplicates, screening: each does what its docstring says."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.compute.adversarial import fgsm, pgd
from models.compute.draws import Draws
from models.errors import CheckpointError, ConfigError
from models.grids import to_float, to_uint8
from models.networks.families import NetworkSpec
from models.shield.attacks import FORGERIES, stamp
from models.shield.duplicates import count_lookalikes, recompression_distance
from models.shield.head import ShieldHead, real_score
from models.shield.measures import auroc, detection_rate, images_needed, threshold_at
from models.shield.recompression import recompress
from models.shield.screening import Screener

CPU = torch.device("cpu")


def pictures(number: int, channels: int = 3) -> torch.Tensor:
    """Smooth float images (N, channels, 16, 16)."""
    coarse = Draws((5,), CPU, number).uniform(-1, 1, channels, 4, 4)
    return torch.nn.functional.interpolate(coarse, (16, 16), mode="bilinear")


def test_a_threshold_keeps_its_promise_on_average() -> None:
    rates = []
    for seed in range(200):
        scores = Draws((seed,), CPU, 1099).normal()
        rates.append(float((scores[99:] < threshold_at(scores[:99], 0.03)).double().mean()))
    assert np.mean(rates) == pytest.approx(0.03, abs=0.004)


@pytest.mark.parametrize(("rate", "needed"), [(0.01, 99), (0.005, 199), (0.5, 1), (0.003, 333)])
def test_a_threshold_needs_so_many_images(rate: float, needed: int) -> None:
    assert images_needed(rate) == needed
    threshold_at(torch.zeros(needed), rate)
    with pytest.raises(ConfigError, match=f"needs {needed}"):
        threshold_at(torch.zeros(needed - 1), rate)


def test_auroc_counts_pairs() -> None:
    clean, forged = torch.tensor([3.0, 2.0, 1.0]), torch.tensor([2.0, 0.0])
    assert auroc(clean, forged) == pytest.approx((2 + 1.5 + 1) / 6)
    assert detection_rate(clean, forged, 0.5) == pytest.approx(0.5)


@pytest.mark.parametrize("name", FORGERIES)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_forgery_is_of_the_same_kind_of_picture_and_another_one(name: str, channels: int) -> None:
    images = pictures(32, channels)
    forged = FORGERIES[name](images, Draws((1,), CPU, 32))
    assert forged.shape == images.shape
    assert float(forged.abs().max()) <= 1
    assert ((forged - images).abs().amax(dim=(1, 2, 3)) > 0.05).double().mean() > 0.9
    assert torch.equal(forged, FORGERIES[name](images, Draws((1,), CPU, 32)))


def test_a_trigger_marks_one_corner() -> None:
    images = pictures(2)
    marked = stamp(images, 4)
    assert torch.equal(marked[..., :12, :], images[..., :12, :])
    assert marked[..., -4:, -4:].abs().eq(1).all()
    assert marked[0, 0, -1, -1] != marked[0, 0, -1, -2]


def test_perturbations_stay_within_their_reach_and_raise_the_score() -> None:
    images = pictures(8) * 0.5
    weights = Draws((2,), CPU, 1).normal(3, 16, 16)

    def score(moved: torch.Tensor) -> torch.Tensor:
        return (moved * weights).sum(dim=(1, 2, 3))

    once = fgsm(images, score, 0.05)
    noise = Draws((3,), CPU, 8).uniform(-0.05, 0.05, 3, 16, 16)
    often = pgd(images, score, noise, epsilon=0.05, steps=10, step_size=0.0125)
    for moved in (once, often):
        assert float((moved - images).abs().max()) <= 0.05 + 1e-6
        assert (score(moved) > score(images)).all()


def test_copies_saved_anew_are_look_alikes_and_other_pictures_are_none() -> None:
    images = pictures(40)
    distance = recompression_distance(images, Draws((4,), CPU, 40))
    copies = recompress(images[:1].expand(6, -1, -1, -1), Draws((6,), CPU, 6))
    found = count_lookalikes(torch.cat([images, copies]), distance)
    assert found.counts[0] >= 5
    assert found.first[40:].eq(0).double().mean() > 0.8
    assert found.counts[1:40].eq(0).all()


def test_a_screener_judges_by_its_own_file_and_refuses_another(tmp_path: Path) -> None:
    spec = NetworkSpec(family="dcgan", resolution=16, channels=3, num_classes=0, latent_dim=4, width=4)
    torch.manual_seed(0)
    head, images = ShieldHead(spec).eval(), to_uint8(pictures(30))
    tensors = {f"head.{name}": value for name, value in head.state_dict().items()}
    with torch.no_grad():
        scores = real_score(head(to_float(images)))
    file = tmp_path / "shield.safetensors"
    ordered = scores.sort().values
    between = scores - (ordered[5] - ordered[4]) / 2  # the sixth smallest lies between two scores: no tie with either
    save_file({**tensors, "held_out_scores": between, "lookalike_distance": torch.tensor(1e-6)}, file)
    judged = Screener(spec, file).judge(images, false_positive_rate=0.2, most_lookalikes=3)
    assert torch.allclose(judged.scores, scores)
    assert sum(verdict != "pass" for verdict in judged.verdicts) == 5  # below the sixth smallest of those held out
    with pytest.raises(CheckpointError, match="cannot be read as a shield"):
        Screener(spec.model_copy(update={"width": 8}), file)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="cannot be read as a shield"):
        Screener(spec, file)
