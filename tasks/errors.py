"""Everything that can go wrong in tasks/, as one tree.

    TasksError
    ├── RequestError          what was asked for cannot be done as asked; nothing was started
    ├── RunLocked             another trainer works in this run directory
    ├── TrainingFailed        the trainer ended without a generator
    │   ├── TrainerDied       it was killed, or crashed; its last checkpoint is there to go on from
    │   └── TrainingDiverged  its values left the finite numbers; more of the same will not help
    ├── TrainingInterrupted   it was told to stop; checkpointed, and resumable by the same command
    ├── MirrorError           the bucket that keeps copies of runs does not answer, or will not take them
    ├── FlowRunDeleted        somebody deleted the flow run that is at work
    ├── DatasetBusy           another run works on the same dataset, and was not to be waited for
    ├── TooManyAttempts       the flow run was resumed again and again, and died each time
    ├── ServiceError          a server, worker or process of the service is not as it has to be
    └── RegistryError         the model registry does not have, or will not take, what was named

Each message gives the value, what was expected, and how to mend it.
"""

from models.errors import ConfigError
from shards import DatasetError, SourceError, SplitError

__all__ = [
    "BAD_REQUESTS",
    "DatasetBusy",
    "FlowRunDeleted",
    "MirrorError",
    "RegistryError",
    "RequestError",
    "RunLocked",
    "ServiceError",
    "TasksError",
    "TooManyAttempts",
    "TrainerDied",
    "TrainingDiverged",
    "TrainingFailed",
    "TrainingInterrupted",
]


class TasksError(Exception):
    """Base of every error raised by tasks/."""


class RequestError(TasksError):
    """What was asked for cannot be done as asked; nothing was started."""


class RunLocked(TasksError):
    """Another trainer holds this run directory's lock."""


class TrainingFailed(TasksError):
    """The trainer ended without a generator; its train.log says more."""


class TrainerDied(TrainingFailed):
    """The trainer was killed or crashed; a retry resumes from its last checkpoint."""


class TrainingDiverged(TrainingFailed):
    """Losses or gradients left the finite numbers; the same settings would do it again."""


class TrainingInterrupted(TasksError):
    """The trainer was told to stop, checkpointed, and goes on when the same command is run again."""


class MirrorError(TasksError):
    """A run's state cannot be copied to the root URI, or fetched from it."""


class FlowRunDeleted(TasksError):
    """Somebody deleted the flow run that is at work; what it did is kept."""


class DatasetBusy(TasksError):
    """Another run works on the same dataset, and was not to be waited for."""


class TooManyAttempts(TasksError):
    """The flow run was resumed again and again, and died each time."""


class ServiceError(TasksError):
    """A server, a worker or another process of the service is not as it has to be."""


class RegistryError(TasksError):
    """The model registry does not have, or will not take, what was named."""


# What a person can mend by asking differently, here and below; everything else is a run that failed.
BAD_REQUESTS = (RequestError, RegistryError, RunLocked, SourceError, DatasetError, SplitError, ConfigError)
