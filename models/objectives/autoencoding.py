"""The objective of vaegan: similarity is measured in the discriminator's features (Larsen et al. 2016)."""

import torch

from models.objectives.batch import Batch, Losses, Made, Networks
from models.objectives.losses import discriminator_loss, gaussian_divergence, generator_loss
from models.objectives.non_saturating import logit_statistics
from models.objectives.variational import sample_posterior


def discriminate(state: Networks, batch: Batch) -> Losses:
    """The discriminator's loss: real images against generated images and against reconstructions."""
    rebuilt, _, _ = rebuild(state, batch)
    real_logits = state.discriminator(batch.augment(batch.real), batch.classes)
    fake_logits = state.discriminator(batch.augment(batch.fake(state).shown.detach()), batch.classes)
    rebuilt_logits = state.discriminator(batch.augment(rebuilt.shown.detach()), batch.classes)
    loss = 0.5 * (discriminator_loss(real_logits, fake_logits) + discriminator_loss(real_logits, rebuilt_logits))
    return Losses({"discriminator": loss}, {"loss_d": loss, **logit_statistics(real_logits, fake_logits)})


def autoencode(state: Networks, batch: Batch) -> Losses:
    """The losses of encoder and decoder: algorithm 1, with means instead of sums over features."""
    rebuilt, mean, log_variance = rebuild(state, batch)
    # Similarity is measured without augmentation: two random augmentations would make any two images differ.
    divergence = gaussian_divergence(mean, log_variance)
    likeness, num_features = feature_error(state, batch.real, rebuilt.shown)
    made = (batch.fake(state), rebuilt)
    loss_g = generator_loss(torch.cat([state.discriminator(batch.augment(one.shown), batch.classes) for one in made]))
    by_role = {
        "encoder": likeness + divergence / num_features,
        "generator": loss_g + batch.reconstruction * likeness + batch.drift(*made),
    }
    return Losses(by_role, {"loss_g": loss_g, "feature_error": likeness, "divergence": divergence})


PHASES = (discriminate, autoencode)


def rebuild(state: Networks, batch: Batch) -> tuple[Made, torch.Tensor, torch.Tensor]:
    """The reconstructions of the real images, and the posterior's mean and log variance."""

    def make() -> tuple[Made, torch.Tensor, torch.Tensor]:
        mean, log_variance = state.encoder(batch.real, batch.classes)
        rebuilt = state.generator(sample_posterior(mean, log_variance, batch), batch.classes)
        return batch.compress("rebuilt", rebuilt), mean, log_variance

    return batch.once("rebuilt", make)


def feature_error(state: Networks, real: torch.Tensor, rebuilt: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Half the mean squared difference of features, eq. 7 without its constant, and the number of features."""
    with torch.no_grad():
        wanted = state.discriminator.features(real)  # type: ignore[operator]
    found = state.discriminator.features(rebuilt)  # type: ignore[operator]
    return 0.5 * (found - wanted).square().mean(), wanted[0].numel()
