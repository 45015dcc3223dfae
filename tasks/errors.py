"""All errors of tasks/, as one tree.

    TasksError
    ├── RequestError          the request cannot be carried out; nothing was started
    │   └── OverQuota         the service's quota of the day is used up
    ├── RunLocked             another trainer works in this run directory
    ├── TrainingFailed        the trainer ended without a generator
    │   ├── LaunchError       its other nodes cannot be started, or their scheduler does not answer
    │   ├── TrainerDied       it was killed or crashed; a retry resumes from its last checkpoint
    │   └── TrainingDiverged  its values became infinite or NaN; the same settings would fail again
    ├── TrainingInterrupted   it was told to stop and wrote a checkpoint; the same command resumes it
    ├── MirrorError           the bucket that keeps copies of runs does not answer, or refuses them
    ├── FlowRunDeleted        somebody deleted the active flow run
    ├── DatasetBusy           another run works on the same dataset, and the request was not to wait
    ├── TooManyAttempts       the flow run was resumed too often and died each time
    ├── ServiceError          a server, worker or process of the service failed or is misconfigured
    └── RegistryError         the model registry does not have what was named, or refuses it

Each message gives the value, what was expected, and how to mend it.
"""

from models.errors import ConfigError
from shards import DatasetError, SourceError, SplitError

__all__ = [
    "BAD_REQUESTS",
    "DatasetBusy",
    "FlowRunDeleted",
    "LaunchError",
    "MirrorError",
    "OverQuota",
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
    "find_deletion",
]


class TasksError(Exception):
    """Base of every error raised by tasks/."""


class RequestError(TasksError):
    """The request cannot be carried out. Nothing was started."""


class OverQuota(RequestError):
    """The service's quota of this day is used up. The message says when the next day begins."""


class RunLocked(TasksError):
    """Another trainer holds this run directory's lock."""


class TrainingFailed(TasksError):
    """The trainer ended without a generator. Its train.log tells more."""


class LaunchError(TrainingFailed):
    """Kubernetes or Slurm cannot start the other nodes of a training, or does not answer."""


class TrainerDied(TrainingFailed):
    """The trainer was killed or crashed. A retry resumes from its last checkpoint."""


class TrainingDiverged(TrainingFailed):
    """Losses or gradients became infinite or NaN. The same settings would fail again."""


class TrainingInterrupted(TasksError):
    """The trainer was told to stop and wrote a checkpoint. The same command resumes it."""


class MirrorError(TasksError):
    """A run's state cannot be copied to the root URI or fetched from it."""


class FlowRunDeleted(TasksError):
    """Somebody deleted the active flow run. Its results are kept."""


class DatasetBusy(TasksError):
    """Another run works on the same dataset, and the request was not to wait for it."""


class TooManyAttempts(TasksError):
    """The flow run was resumed too often and died each time."""


class ServiceError(TasksError):
    """A server, a worker or another process of the service failed or is misconfigured."""


class RegistryError(TasksError):
    """The model registry does not have what was named, or refuses it."""


# Errors, also of lower packages, that a person can fix by changing the request. All other errors are failed runs.
BAD_REQUESTS = (RequestError, RegistryError, RunLocked, SourceError, DatasetError, SplitError, ConfigError)


def find_deletion(error: BaseException) -> FlowRunDeleted | None:
    """Return the FlowRunDeleted during whose handling `error` was raised, or None.

    Prefect reports the state of a run that failed. If the run is deleted, this report fails too, and Prefect's own
    error takes the place of ours.
    """
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, FlowRunDeleted):
            return link
        link = link.__cause__ or link.__context__
    return None
