"""The study's MLflow run: the parent of its trainings, and the place where each measurement is stored at once.

A study that was stopped finds its run again, on any machine, and does not repeat stored measurements.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from mlflow.entities import Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ValidationError

from models.features.digests import canonical_json
from tasks.home import Home, home
from tasks.tracking.lineage import prefect_tags
from tasks.tracking.runs import (
    MAX_PARAM_LENGTH,
    connect,
    experiment_id,
    flatten,
    keep_artifact,
    read_artifact,
    resume,
)
from tasks.tracking.tags import RunTags

logger = logging.getLogger(__name__)
FOLDER, PICTURES = "measured", "pictures"
Measurement = TypeVar("Measurement", bound=BaseModel)


class StudyRecord:
    """The MLflow run of one study. It is found again by the settings that identify the study."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self.client = client
        self.run_id = run_id

    @classmethod
    def open(
        cls, client: MlflowClient, home: Home, dataset: str, about: Mapping[str, Any], tags: Mapping[str, str]
    ) -> "StudyRecord":
        """Find the run of the study that is `about` this in the dataset's experiment, or make it."""
        experiment = experiment_id(client, home, dataset)
        digest = _digest(about)
        if found := client.search_runs([experiment], f"tags.`{RunTags.name('study')}` = '{digest}'", max_results=1):
            resume(client, found[0].info.run_id, tags)
            return cls(client, str(found[0].info.run_id))
        named = RunTags(study=digest).as_tags() | dict(tags)
        run = client.create_run(experiment, run_name="compression-study", tags=named)
        params = [Param(name, str(value)[:MAX_PARAM_LENGTH]) for name, value in flatten(about).items()]
        client.log_batch(run.info.run_id, params=params)
        return cls(client, str(run.info.run_id))

    def once(
        self, kind: type[Measurement], codec: str, inputs: Mapping[str, Any], measure: Callable[[], Measurement]
    ) -> Measurement:
        """Return the stored measurement of that kind, codec and inputs, or measure and store it now."""
        path = self._path(kind, codec, inputs)
        if known := self._read(kind, path):
            return known
        made = measure()
        self.client.log_text(self.run_id, made.model_dump_json(indent=1), path)
        return made

    def keep_picture(self, name: str, png: bytes) -> None:
        """Store a PNG among the artifacts of the run. It replaces an earlier one of that name."""
        keep_artifact(self.client, self.run_id, f"{PICTURES}/{name}.png", png)

    def picture(self, name: str) -> bytes:
        """The PNG of that name; empty if there is none."""
        return read_artifact(self.client, self.run_id, f"{PICTURES}/{name}.png")

    def abandon(self, status: str) -> None:
        """Close the run as FAILED or KILLED. If MLflow does not answer, only warn: another error is on its way."""
        try:
            self.client.set_terminated(self.run_id, status)
        except (MlflowException, OSError) as error:
            logger.warning("MLflow does not answer (%s): run %s stays open there", error, self.run_id)

    def _path(self, kind: type[BaseModel], codec: str, inputs: Mapping[str, Any]) -> str:
        return f"{FOLDER}/{kind.__name__.lower()}-{slug(codec)}-{_digest(inputs)}.json"

    def _read(self, kind: type[Measurement], path: str) -> Measurement | None:
        stored = read_artifact(self.client, self.run_id, path)
        if not stored:
            return None
        try:
            return kind.model_validate(json.loads(stored))
        except (ValueError, ValidationError):  # cut off, or written when the class had other fields: measured again
            return None


@contextmanager
def study_run(dataset: str, about: Mapping[str, Any]) -> Iterator[str]:
    """The MLflow run of the study that is `about` this, as its id; closed as the study ends."""
    record = StudyRecord.open(connect(home()), home(), dataset, about, prefect_tags())
    try:
        yield record.run_id
    except BaseException as error:
        record.abandon("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    record.client.set_terminated(record.run_id, "FINISHED")


def open_record(run_id: str) -> StudyRecord:
    """The record of a study that has begun, wherever its MLflow run is asked for."""
    return StudyRecord(connect(home()), run_id)


def slug(codec: str) -> str:
    """A codec's name for files and keys: `jpeg-75`."""
    return codec.replace(":", "-")


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(values).encode()).hexdigest()[:12]
