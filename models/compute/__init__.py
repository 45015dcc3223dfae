"""Device, precision and memory layout, seeded random draws, optimisers, and training on several processes.

May import models.errors only.
"""

__all__ = ["device", "draws", "optimizers", "parallel"]
