"""Device, precision, memory layout, seeded random draws, adversarial perturbations, optimisers, several
processes, and what all this takes.

May import models.errors only.
"""

__all__ = ["adversarial", "config", "convolution", "device", "draws", "metering", "optimizers", "parallel"]
