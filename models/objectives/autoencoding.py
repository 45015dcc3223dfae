"""Encoder, decoder and discriminator: likeness is measured in the discriminator's features (Larsen et al. 2016)."""

import torch

from models.losses import discriminator_loss, gaussian_divergence, generator_loss
from models.objectives.batch import Batch
from models.objectives.non_saturating import logit_statistics
from models.objectives.variational import sample_posterior
from models.state import TrainState


def step(state: TrainState, batch: Batch) -> dict[str, torch.Tensor]:
    """One update of discriminator, encoder and decoder: algorithm 1, with means in place of sums over features."""
    mean, log_variance = state.encoder(batch.real, batch.classes)
    rebuilt = state.generator(sample_posterior(mean, log_variance), batch.classes)
    fake = state.generator(batch.latents(state.spec.latent_dim), batch.classes)

    real_logits = state.discriminator(batch.augment(batch.real), batch.classes)
    fake_logits = state.discriminator(batch.augment(fake.detach()), batch.classes)
    rebuilt_logits = state.discriminator(batch.augment(rebuilt.detach()), batch.classes)
    loss_d = 0.5 * (discriminator_loss(real_logits, fake_logits) + discriminator_loss(real_logits, rebuilt_logits))
    norm_d = state.descend("discriminator", loss_d)

    # Likeness is measured without augmentation: two draws of it would make any two images differ.
    divergence = gaussian_divergence(mean, log_variance)
    likeness, num_features = feature_error(state, batch.real, rebuilt)
    norm_e = state.descend("encoder", likeness + divergence / num_features, retain_graph=True)
    made = [state.discriminator(batch.augment(images), batch.classes) for images in (fake, rebuilt)]
    loss_g = generator_loss(torch.cat(made))
    norm_g = state.descend("generator", loss_g + batch.reconstruction * likeness)
    return {
        "loss_d": loss_d,
        "loss_g": loss_g,
        **logit_statistics(real_logits, fake_logits),
        "feature_error": likeness,
        "divergence": divergence,
        "gradient_norm_d": norm_d,
        "gradient_norm_e": norm_e,
        "gradient_norm_g": norm_g,
    }


def feature_error(state: TrainState, real: torch.Tensor, rebuilt: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Half the mean squared difference of features, eq. 7 without its constant, and the number of features."""
    with torch.no_grad():
        wanted = state.discriminator.features(real)  # type: ignore[operator]
    found = state.discriminator.features(rebuilt)  # type: ignore[operator]
    return 0.5 * (found - wanted).square().mean(), wanted[0].numel()


@torch.no_grad()
def reconstruct(state: TrainState, images: torch.Tensor, classes: torch.Tensor | None) -> torch.Tensor:
    """Images (N, C, H, W) in [-1, 1] through the encoder's mean and the averaged decoder, in the same shape."""
    training = state.encoder.training
    mean, _ = state.encoder.eval()(images, classes)
    state.encoder.train(training)
    rebuilt: torch.Tensor = state.ema(mean, classes)
    return rebuilt
