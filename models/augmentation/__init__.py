"""Differentiable augmentation of images, and its adaptive strength.

May import compute only.
"""

__all__ = ["adaptive", "config", "differentiable"]
