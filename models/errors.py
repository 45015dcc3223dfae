"""Everything that can go wrong in models/, as one tree.

    ModelsError
    ├── ConfigError        a setting that fits neither the others nor the data (also a ValueError)
    ├── CheckpointError    a checkpoint that is missing, unfinished, damaged, or of another configuration
    ├── PeerLostError      another process of the same training is gone
    ├── OutOfMemoryError   a training step does not fit the memory of what it runs on
    ├── DivergedError      training produced values that are not finite, or collapsed beyond repair
    └── EvaluationError    scores cannot be computed from what was handed in
        └── FeatureNetError    a feature net is unknown, its weights are missing or wrong, or its input is

Each message gives the value, what was expected, and how to mend it. Errors of other libraries are mapped
at the boundary where they appear, with `raise ... from`.
"""

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DivergedError",
    "EvaluationError",
    "FeatureNetError",
    "ModelsError",
    "OutOfMemoryError",
    "PeerLostError",
]


class ModelsError(Exception):
    """Base of every error raised by models/."""


class ConfigError(ModelsError, ValueError):
    """A setting does not fit the others or the data; a ValueError, so that pydantic reports it as its own."""


class CheckpointError(ModelsError):
    """A checkpoint is missing, was never finished, fails its sha256, or belongs to another configuration."""


class DivergedError(ModelsError):
    """Training left the finite numbers, or broke down in a way that more steps will not mend."""


class PeerLostError(ModelsError):
    """Another process of the same training died or cannot be reached; a new start goes on from the checkpoint."""


class OutOfMemoryError(ModelsError):
    """A step with `num_images` images at once does not fit the memory; fewer at once may."""

    def __init__(self, message: str, num_images: int) -> None:
        super().__init__(message)
        self.num_images = num_images


class EvaluationError(ModelsError):
    """Scores cannot be computed: too few images, shapes that do not fit, a protocol that does not match."""


class FeatureNetError(EvaluationError):
    """A feature net is unknown, its weights are missing or altered, or its input has a wrong type."""
