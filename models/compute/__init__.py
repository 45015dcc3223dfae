"""Device, precision, memory layout, seeded random draws, adversarial perturbations, optimisers and several processes.

May import models.errors only.
"""

__all__ = ["adversarial", "config", "convolution", "device", "draws", "optimizers", "parallel"]
