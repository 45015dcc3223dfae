"""The objective of projected: the hinge loss of each scale of a frozen net's features (Sauer et al. 2021)."""

from typing import cast

import torch

from models.networks.projected_heads import Discriminator, mean_logit
from models.objectives.batch import Batch, Losses, Made, Networks
from models.objectives.losses import hinge_discriminator_loss, hinge_generator_loss
from models.objectives.non_saturating import logit_statistics


def discriminate(state: Networks, batch: Batch) -> Losses:
    """The heads' loss on the features of augmented real and generated images."""
    discriminator = cast(Discriminator, state.discriminator)
    with torch.no_grad():
        real = discriminator.maps(batch.augment(batch.real))
    _, maps = features_of_fake(state, batch)
    discriminator.iterate_norms()
    real_logits = discriminator.logits(real, batch.classes)
    fake_logits = discriminator.logits([scale.detach() for scale in maps], batch.classes)
    loss = hinge_discriminator_loss(real_logits, fake_logits)
    statistics = logit_statistics(mean_logit(real_logits), mean_logit(fake_logits))
    return Losses({"discriminator": loss}, {"loss_d": loss, **statistics})


def generate(state: Networks, batch: Batch) -> Losses:
    """The generator's loss on the same latents and features, with the updated heads."""
    fake, maps = features_of_fake(state, batch)
    loss = hinge_generator_loss(cast(Discriminator, state.discriminator).logits(maps, batch.classes))
    return Losses({"generator": loss + batch.drift(fake)}, {"loss_g": loss})


PHASES = (discriminate, generate)


def features_of_fake(state: Networks, batch: Batch) -> tuple[Made, list[torch.Tensor]]:
    """The generated images and their features. Both phases use one pass through the frozen net: it never changes."""

    def make() -> tuple[Made, list[torch.Tensor]]:
        fake = batch.fake(state)
        return fake, cast(Discriminator, state.discriminator).maps(batch.augment(fake.shown))

    return batch.once("features", make)
