"""A small image classifier, the examples that are hard for it, and what generated images add to its training.

May import compute, models.grids and models.errors.
"""

__all__ = ["classifier", "config", "gain"]
