"""Device, precision, layout, compiled code, CUDA graphs, copies, random draws, optimisers, several processes, and
what all this takes.

May import models.errors only.
"""

__all__ = [
    "adversarial",
    "compilation",
    "config",
    "convolution",
    "copies",
    "device",
    "draws",
    "graphs",
    "metering",
    "optimizers",
    "parallel",
]
