"""JPEG as a differentiable operation, compression-robust training, and estimates of JPEG quality from pixels.

May import compute, networks, models.grids and models.errors.
"""

__all__ = ["config", "quality", "robust"]
