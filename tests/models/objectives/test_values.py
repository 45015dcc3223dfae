"""The losses of every objective against values worked out by hand with numpy, on networks whose formulas are known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.compression.robust import Codecs, KnownCompression
from models.compute.draws import Draws
from models.objectives import autoencoding, non_saturating, relativistic, variational
from models.objectives.batch import Batch
from models.objectives.losses import roughness

N, SIDE, LATENT = 5, 16, 3
NUM_PIXELS = SIDE * SIDE
CLASSES = torch.tensor([0, 1, 1, 0, 1])
OFFSETS = np.array([0.3, -0.8])


class Quadratic(torch.nn.Module):
    """logit = 0.01 |x|^2 + offset of the class: its gradient is 0.02 x."""

    def forward(self, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        return 0.01 * images.square().flatten(1).sum(1) + torch.tensor(OFFSETS, dtype=images.dtype)[classes]

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return 3 * images[:, :, ::2]


class Waves(torch.nn.Module):
    """A generator: the first latent times a wave along the rows."""

    def forward(self, latents: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        wave = torch.cos(torch.arange(SIDE) * 1.3).expand(1, 1, SIDE, SIDE)
        return 0.6 * latents[:, :1, None, None] * wave


class Moments(torch.nn.Module):
    """An encoder: mean and log variance are two multiples of each image's mean."""

    def forward(self, images: torch.Tensor, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        level = images.flatten(1).mean(1, keepdim=True).expand(-1, LATENT)
        return 2 * level, level - 1


STATE = SimpleNamespace(
    spec=SimpleNamespace(latent_dim=LATENT), generator=Waves(), discriminator=Quadratic(), encoder=Moments()
)


def batch(**settings: object) -> Batch:
    real = torch.rand(N, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) * 2 - 0.7
    return Batch(real, CLASSES, lambda: lambda images: images, Draws((7,), torch.device("cpu"), N), **settings)


def logits(images: np.ndarray) -> np.ndarray:
    return 0.01 * (images**2).sum(axis=(1, 2, 3)) + OFFSETS[CLASSES.numpy()]


def softplus(x: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(x))


def penalty(images: np.ndarray) -> float:
    """Mean |d logit / d image|^2."""
    return float(((0.02 * images) ** 2).sum(axis=(1, 2, 3)).mean())


def roughness_of(images: np.ndarray) -> float:
    return float((np.diff(images, axis=3) ** 2).mean() + (np.diff(images, axis=2) ** 2).mean())


def images_of(made: Batch) -> tuple[np.ndarray, np.ndarray]:
    return made.real.double().numpy(), made.fake(STATE).shown.double().numpy()


def close(value: object) -> object:
    return pytest.approx(value, rel=1e-4, abs=1e-6)


def test_roughness_of_images_that_differ_along_rows_and_columns() -> None:
    images = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(2)).cumsum(dim=3)
    assert roughness(images).item() == close(roughness_of(images.double().numpy()))


def test_relativistic_discriminator() -> None:
    made = batch(gamma=3.0)
    real, fake = images_of(made)
    losses = relativistic.discriminate(STATE, made)
    lead = logits(real) - logits(fake)
    r1, r2 = penalty(real), penalty(fake)
    assert abs(r1 - r2) > 0.1 * r1, "penalties that are alike cannot be told from each other"
    expected = softplus(-lead).mean() + 3.0 / 2 * (r1 + r2)
    assert losses.by_role["discriminator"].item() == close(expected)
    found = {name: value.item() for name, value in losses.statistics.items()}
    assert found == close(
        {
            "loss_d": softplus(-lead).mean(),
            "logit_real": logits(real).mean(),
            "logit_fake": logits(fake).mean(),
            "accuracy_pairs": (lead > 0).mean(),
            "sign_real": np.sign(lead).mean(),
            "penalty_real": r1,
            "penalty_fake": r2,
        }
    )
    assert 0 < found["accuracy_pairs"] < 1


def test_equal_logits_are_no_right_answer() -> None:
    """A pair of equal logits is undecided: it does not count as told apart."""
    made = batch()
    made.real = made.fake(STATE).shown.detach()
    assert relativistic.discriminate(STATE, made).statistics["accuracy_pairs"].item() == 0
    zeros = torch.zeros(4)
    statistics = non_saturating.logit_statistics(zeros, zeros)
    assert {name: value.item() for name, value in statistics.items()} == dict.fromkeys(statistics, 0.0)


def test_relativistic_generator() -> None:
    made = batch()
    real, fake = images_of(made)
    losses = relativistic.generate(STATE, made)
    expected = softplus(logits(real) - logits(fake)).mean()
    assert losses.by_role["generator"].item() == close(expected)
    assert losses.statistics["loss_g"].item() == close(expected)


def test_non_saturating() -> None:
    made = batch()
    real, fake = images_of(made)
    losses = non_saturating.discriminate(STATE, made)
    expected = softplus(-logits(real)).mean() + softplus(logits(fake)).mean()
    assert losses.by_role["discriminator"].item() == close(expected)
    assert {name: value.item() for name, value in losses.statistics.items()} == close(
        {
            "loss_d": expected,
            "logit_real": logits(real).mean(),
            "logit_fake": logits(fake).mean(),
            "accuracy_real": (logits(real) > 0).mean(),
            "accuracy_fake": (logits(fake) < 0).mean(),
            "sign_real": np.sign(logits(real)).mean(),
        }
    )
    generated = non_saturating.generate(STATE, made)
    assert generated.by_role["generator"].item() == close(softplus(-logits(fake)).mean())


def test_logits_of_less_than_one_count_by_their_sign() -> None:
    statistics = non_saturating.logit_statistics(torch.tensor([0.5, -0.5, 0.2]), torch.tensor([0.5, -0.5, 0.2]))
    assert statistics["accuracy_real"].item() == pytest.approx(2 / 3)
    assert statistics["accuracy_fake"].item() == pytest.approx(1 / 3)


def posterior(made: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, log variance and the latents drawn, from the batch's own noise."""
    level = made.real.double().numpy().mean(axis=(1, 2, 3))[:, None].repeat(LATENT, axis=1)
    noise = made.noise("posterior", LATENT).double().numpy()
    return 2 * level, level - 1, 2 * level + np.exp((level - 1) / 2) * noise


def rebuilt_from(latents: np.ndarray) -> np.ndarray:
    wave = np.cos(np.arange(SIDE) * 1.3)
    return np.broadcast_to(0.6 * latents[:, :1, None, None] * wave, (len(latents), 1, SIDE, SIDE))


def divergence(mean: np.ndarray, log_variance: np.ndarray) -> float:
    return float((0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)).sum(axis=1).mean())


def test_variational_bound() -> None:
    made = batch(average=lambda error: error)
    mean, log_variance, latents = posterior(made)
    error = ((rebuilt_from(latents) - made.real.double().numpy()) ** 2).mean()
    losses = variational.bound(STATE, made)
    nats = 0.5 * (np.log(2 * np.pi * error) + 1) + divergence(mean, log_variance) / NUM_PIXELS
    assert losses.by_role["encoder"].item() == close(nats)
    assert losses.by_role["generator"].item() == close(nats)
    assert losses.statistics["squared_error"].item() == close(error)


def test_bound_of_a_part_whose_error_is_not_that_of_the_whole() -> None:
    """Nats per value of a Gaussian of variance 0.5 at a squared error of 2, and 6 nats over 3 values."""
    found = variational.negative_bound(torch.tensor(2.0), torch.tensor(0.5), torch.tensor(6.0), 3)
    assert found.item() == pytest.approx(0.5 * (np.log(2 * np.pi * 0.5) + 4) + 2)


def test_a_batch_without_settings_adds_nothing() -> None:
    made = batch()
    assert (made.gamma, made.reconstruction, made.consistency, made.keep_graphs) == (0.0, 1.0, 0.0, True)
    assert made.fake(STATE).shown is made.fake(STATE).clean


def test_autoencoding() -> None:
    made = batch(reconstruction=4.0)
    real, fake = images_of(made)
    mean, log_variance, latents = posterior(made)
    rebuilt = rebuilt_from(latents)
    loss_d = 0.5 * (
        2 * softplus(-logits(real)).mean() + softplus(logits(fake)).mean() + softplus(logits(rebuilt)).mean()
    )
    assert autoencoding.discriminate(STATE, made).by_role["discriminator"].item() == close(loss_d)
    likeness = 0.5 * ((3 * rebuilt[:, :, ::2] - 3 * real[:, :, ::2]) ** 2).mean()
    loss_g = softplus(-np.concatenate([logits(fake), logits(rebuilt)])).mean()
    losses = autoencoding.autoencode(STATE, made)
    num_features = NUM_PIXELS // 2
    assert losses.by_role["encoder"].item() == close(likeness + divergence(mean, log_variance) / num_features)
    assert losses.by_role["generator"].item() == close(loss_g + 4.0 * likeness)
    assert losses.statistics["feature_error"].item() == close(likeness)


@pytest.mark.parametrize(
    "generate", [relativistic.generate, non_saturating.generate, autoencoding.autoencode], ids=["r3", "dcgan", "vaegan"]
)
def test_drift_is_added_to_the_generator(generate) -> None:
    """The weight times the roughness of what JPEG takes from the images, on top of the loss."""
    compressor = KnownCompression(Codecs(np.full((1, 3, 8, 8), 30), np.array([[1, 1]]), np.array([1])))
    made = batch(compressor=compressor, consistency=2.5)
    with_drift = generate(STATE, made)
    parts = [made.fake(STATE)]
    if generate is autoencoding.autoencode:
        parts.append(autoencoding.rebuild(STATE, made)[0])
    taken = [roughness_of((part.clean - part.shown).double().numpy()) for part in parts]
    added = with_drift.by_role["generator"].item() - with_drift.statistics["loss_g"].item()
    if generate is autoencoding.autoencode:
        added -= with_drift.statistics["feature_error"].item()
    assert min(taken) > 0
    assert added == pytest.approx(2.5 * np.mean(taken), rel=1e-3, abs=1e-5)
