"""Settings of the small classifier, and of measuring what generated images add to it. Imports no torch."""

from pydantic import Field

from models import Settings


class ClassifierConfig(Settings):
    """How a classifier is built and trained."""

    nimg: int = Field(20_000, ge=1, title="Budget", description="training images seen, over all sources")
    batch_size: int = Field(64, ge=2, le=4096, title="Batch size", description="images of one step")
    learning_rate: float = Field(
        0.003, gt=0, le=1, title="Learning rate", description="initial learning rate of AdamW; it falls to 0"
    )
    width: int = Field(24, ge=1, le=1024, title="Width", description="channels of the first convolution")
    seed: int = Field(0, ge=0, lt=2**32, title="Seed", description="seeds the weights and the order of the images")


class AttackConfig(Settings):
    """Projected gradient descent in the L-infinity ball (Madry et al. 2018, section 2.1)."""

    epsilon: float = Field(4.0, gt=0, le=255, title="Radius", description="largest change of a pixel, in levels of 255")
    num_steps: int = Field(10, ge=1, le=1000, title="Steps", description="gradient steps from a random start")
    step_size: float = Field(1.0, gt=0, le=255, title="Step", description="change of a pixel in a step, levels of 255")
    seed: int = Field(0, ge=0, lt=2**32, title="Seed", description="seeds the random starts")


class GainConfig(Settings):
    """How the classifier gain is measured."""

    classifier: ClassifierConfig = ClassifierConfig()
    num_seeds: int = Field(3, ge=2, le=100, title="Seeds", description="classifiers trained for each row")
    small_share: float = Field(
        0.1, gt=0, lt=1, title="Small part", description="share of the real images in the second half of the table"
    )
    jpeg_quality: int = Field(30, ge=1, le=95, title="JPEG quality", description="JPEG quality of the shifted test")
    attack: AttackConfig = AttackConfig()
