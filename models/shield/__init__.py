"""A head on the discriminator that classifies images as real, generated or forged, and what is done with its answers.

During a training, `filter` keeps suspicious images out of each batch. Afterwards, `screening` judges incoming images
with the trained head. May import compute, networks, models.grids and models.errors.

    config          the settings, `train.shield`
    head            the three-class network
    shield          the head of one training: its training images, its threshold, its state
    attacks         forgeries made from real images
    recompression   JPEG round trips of random quality
    duplicates      images that may be copies of one picture
    measures        thresholds with a stated false positive rate, AUROC
"""

__all__ = ["config", "duplicates", "filter", "measures", "screening", "shield"]
