"""The tree of errors that models/ raises.

    ModelsError
    ├── ConfigError        a setting does not fit the other settings or the data (also a ValueError)
    ├── CheckpointError    a checkpoint is missing, incomplete, damaged, or of another configuration
    ├── PeerLostError      another process of the same training is gone
    ├── OutOfMemoryError   a training step does not fit the memory of its device
    ├── DivergedError      training produced values that are not finite, or a health event ended it
    └── EvaluationError    scores cannot be computed from the given images or features
        └── FeatureNetError    a feature net is unknown, or its weights or its input are wrong

Each message gives the value, what was expected, and how to correct it. Errors of other libraries are converted where
they appear, with `raise ... from`.
"""


class ModelsError(Exception):
    """Base of every error raised by models/."""


class ConfigError(ModelsError, ValueError):
    """A setting does not fit the other settings or the data. It is a ValueError, so that pydantic reports it."""


class CheckpointError(ModelsError):
    """A checkpoint is missing, incomplete, differs from its sha256, or belongs to another configuration."""


class DivergedError(ModelsError):
    """Training produced values that are not finite, or a health event ended it without a usable result."""


class PeerLostError(ModelsError):
    """Another process of the same training died or cannot be reached. A new start resumes from the checkpoint."""


class OutOfMemoryError(ModelsError):
    """A step with `num_images` images at once does not fit the memory. Fewer images at once may fit."""

    def __init__(self, message: str, num_images: int) -> None:
        super().__init__(message)
        self.num_images = num_images


class EvaluationError(ModelsError):
    """Scores cannot be computed: too few images, wrong shapes, or a protocol that does not match."""


class FeatureNetError(EvaluationError):
    """A feature net is unknown, its weights are missing or wrong, or its input has a wrong type."""
