"""The objective of r3: a relativistic loss on paired logits, and two gradient penalties (Huang et al. 2024, R3GAN).

The discriminator and the generator are trained on one batch (the paper's code draws one for each), so that images seen
are counted once. The penalties are taken with respect to the images before augmentation; gradients pass through it.
Both are taken with respect to compressed images: R1 keeps the discriminator flat around real JPEGs, R2 around the
images compared with them. With respect to uncompressed generated images, R2 would weight directions by the surrogate
gradient of rounding, which the discriminator never sees.

Penalties may be left out of most steps, and weigh more in the others (lazy regularisation: Karras et al. 2020,
StyleGAN2, section 3.3). Loss and penalties stay one step of Adam, so its rates need no correction. In StyleGAN2 the
penalties are a further step.
"""

import torch

from models.compute.convolution import closed_convolutions
from models.compute.device import full_precision
from models.objectives.batch import Batch, Losses, Networks
from models.objectives.losses import difference_penalty, gradient_penalty, relativistic_loss


def discriminate(state: Networks, batch: Batch) -> Losses:
    """The discriminator's relativistic loss, and both penalties in a step that has them."""
    shown = batch.fake(state).shown.detach()
    real_logits, r1 = penalised_logits(state, batch, batch.real.detach())
    fake_logits, r2 = penalised_logits(state, batch, shown)
    loss = relativistic_loss(real_logits, fake_logits)
    # Only differences of these logits have a meaning, also for the measure of overfitting.
    lead = real_logits - fake_logits
    statistics = {
        "loss_d": loss,
        "logit_real": real_logits.mean(),
        "logit_fake": fake_logits.mean(),
        "accuracy_pairs": (lead > 0).float().mean(),
        "sign_real": lead.sign().mean(),
    }
    if r1 is None or r2 is None:
        return Losses({"discriminator": loss}, statistics)
    statistics |= {"penalty_real": r1, "penalty_fake": r2}
    return Losses({"discriminator": loss + batch.penalties.weight * batch.gamma / 2 * (r1 + r2)}, statistics)


def generate(state: Networks, batch: Batch) -> Losses:
    """The generator's relativistic loss on the same latents, with the updated discriminator."""
    with torch.no_grad():
        rivals = state.discriminator(batch.augment(batch.real), batch.classes)
    fake = batch.fake(state)
    loss = relativistic_loss(state.discriminator(batch.augment(fake.shown), batch.classes), rivals)
    return Losses({"generator": loss + batch.drift(fake)}, {"loss_g": loss})


PHASES = (discriminate, generate)


def penalised_logits(state: Networks, batch: Batch, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The logits of `images`, augmented, and the penalty on their gradient. None in a step without penalties."""
    augment, how = batch.draw_augmentation(), batch.penalties

    def judge(pixels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = state.discriminator(augment(pixels), batch.classes)
        return logits

    if not how.weight:
        return judge(images), None
    if how.method == "differences":
        direction = batch.draws.normal(*images.shape[1:]).to(images)
        # The difference of two logits that are almost equal is lost in bfloat16, which has 8 bits.
        with full_precision(images.device):
            penalty = difference_penalty(judge, images, direction, how.step)
        return judge(images), penalty
    pixels = images.requires_grad_()
    with closed_convolutions(pixels.device):
        logits = judge(pixels)
    return logits, gradient_penalty(logits, pixels)
