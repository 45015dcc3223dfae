"""Feature nets: images in, feature vectors out, with a cache for the features of real images.

May import compute, classifier, models.grids and models.errors.
"""

__all__ = ["cache", "classifier_net", "digests", "feature_net", "nets", "pyramid", "weights_file"]
