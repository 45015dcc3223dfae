"""Settings of augmentation. Imports no torch."""

from typing import Literal

from pydantic import Field

from models import NumImages, Settings, Share


class AugmentConfig(Settings):
    """How strongly images are changed before the discriminator sees them; 0 turns a transform off."""

    policy: Literal["fixed", "adaptive", "scheduled"] = Field(
        "fixed",
        title="Policy",
        description="fixed: full strength from the start; scheduled: it rises from 0 along a cosine; "
        "adaptive: it rises while the discriminator overfits, and falls while it does not",
    )
    strength: Share = Field(
        1.0,
        title="Strength",
        description="probability of each transform for each image; final value of scheduled, upper limit of adaptive",
    )
    target: float = Field(
        0.6, ge=-1, le=1, title="Target", description="adaptive: target for the mean sign of the real images' logits"
    )
    adapt_nimg: NumImages = Field(
        500_000, title="Adaptation time", description="adaptive: images in which the strength can go from 0 to 1"
    )
    translation: float = Field(
        0.125, ge=0, le=0.5, title="Translation", description="largest shift, as a share of the side"
    )
    scale: Share = Field(0.1, title="Scale", description="standard deviation of log2 of the zoom")
    flip: bool = Field(
        False,
        title="Flip",
        description="mirror half of the images left to right; leave it off for text, digits and other images that "
        "have a direction: generated images may be mirrored too",
    )
    colour: Share = Field(
        0.0, title="Colour", description="strength of brightness, saturation and contrast changes; DiffAugment uses 1"
    )
    cutout: Share = Field(
        0.0,
        title="Cutout",
        description="side of a blank square, as a share of the image side; DiffAugment uses 0.5",
    )
