"""Scores of generated images: distances, neighbours, intervals, and the protocol that a score was made with.

May import compute, classifier, features, models.grids and models.errors.
"""

__all__ = [
    "config",
    "directions",
    "distances",
    "diversity",
    "drift",
    "evaluation",
    "floors",
    "judges",
    "neighbours",
    "protocol",
    "scores",
]
