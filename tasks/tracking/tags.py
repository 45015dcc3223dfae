"""All tags that shardgan puts on MLflow runs, registered models and their versions, as typed records.

Only this file contains the names of tags. Each tag is a field of a record. Its name in MLflow is `shardgan.` and the
field's name, or `gate.` and the field's name for decisions about the champion. Several tags of one kind are a mapping.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from tasks.errors import RegistryError
from tasks.tracking.approvals import State
from tasks.tracking.model_ref import uri_of
from tasks.trainer.config import Parent

if TYPE_CHECKING:  # importing MLflow takes seconds, and commands that only list need these names
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

__all__ = ["ModelTags", "RunTags", "VersionTags", "short_tags"]

PREFIX = "shardgan."
DECISION_PREFIX = "gate."
SHARE = f"{PREFIX}share"  # of an input of a run: the dataset's share of the images shown
DECISION = ("promoted", "why", "at", "replaced")
NETS_BEFORE = {"efficientnet-lite0": "its scores choose the best checkpoint"}


class Tags(BaseModel):
    """Base of records whose fields are tags. Only fields that were set are written, so a record may be partial."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Fields that hold several tags each. Their keys are the part of the name that replaces {}.
    families: ClassVar[dict[str, str]] = {}

    @classmethod
    def name(cls, field: str) -> str:
        """Return the name in MLflow of this field's tag."""
        return f"{DECISION_PREFIX if field in DECISION else PREFIX}{field}"

    @classmethod
    def parse(cls, tags: Mapping[str, str]) -> Self:
        """Read the known tags. Raises pydantic's ValidationError if the value of a number is not a number."""
        values: dict[str, Any] = {}
        for field in cls.model_fields:
            if field in cls.families:
                values[field] = dict(_matching(tags, cls.families[field]))
            elif cls.name(field) in tags:
                values[field] = tags[cls.name(field)]
        return cls.model_validate(values)

    def as_tags(self) -> dict[str, str]:
        """Return the fields that were set in MLflow's form: text by the name of the tag."""
        tags: dict[str, str] = {}
        for field in self.model_fields_set:
            value = getattr(self, field)
            if field in self.families:
                tags |= {self.families[field].format(key): one for key, one in value.items()}
            else:
                tags[self.name(field)] = str(value).lower() if isinstance(value, bool) else str(value)
        return tags


class RunTags(Tags):
    """The tags of an MLflow run: its training or study, its data and its code."""

    families: ClassVar[dict[str, str]] = {"events": "shardgan.event.{}"}

    run: str = ""
    run_dir: str = ""
    live_page: str = ""  # address on the machine that trains
    dataset: str = ""
    dataset_version: str = ""
    manifest: str = ""
    parents: str = ""  # the versions of a blend with their shares, as a JSON list; only set for a blend
    commit: str = ""
    quick_protocol: str = ""  # digest of the protocol of the quick scores
    events: dict[str, str] = {}  # the newest event of each kind, as a sentence
    goodput: str = ""  # in words
    cost: str = ""  # of all trainers of this run, in words
    study: str = ""  # digest of the settings that identify a compression study
    advice: str = ""

    @classmethod
    def of(cls, run: "Run") -> Self:
        """Read the tags of the run."""
        return cls.parse(run.data.tags)


class ModelTags(Tags):
    """The tags of a registered model."""

    champions: str = ""  # numbers of the versions that became champion, oldest first, as a JSON list


class VersionTags(Tags):
    """The tags of a registered version: its origin, its files, its scores and the last decision."""

    families: ClassVar[dict[str, str]] = {
        "scores": "shardgan.scores.{}",
        "shown_scores": "score.{}",
        "graph_sha256": "shardgan.{}.sha256",
        "graph_difference": "shardgan.{}.max_abs_difference",
    }

    run: str = ""
    dataset: str = ""
    dataset_version: str = ""
    manifest: str = ""
    parents: str = ""  # the versions of a blend with their shares, as a JSON list; only set for a blend
    commit: str = ""
    nimg: int = 0  # images seen by the checkpoint that was registered
    nimg_seen: int = 0  # images seen by the whole training
    chosen: str = ""  # why this checkpoint was chosen
    feature_nets: str = ""  # the feature nets that the training used, each with its use, as a JSON object

    weights_sha256: str = ""
    shield_sha256: str = ""
    files_sha256: str = ""  # of all files together
    signed_by: str = ""
    graph_sha256: dict[str, str] = {}  # of the exported graphs, by name
    graph_difference: dict[str, str] = {}  # largest difference from the network's images, in units of [-1, 1]

    scores: dict[str, str] = {}  # all scores under one protocol as JSON, by the protocol's digest
    shown_scores: dict[str, str] = {}  # the newest scores by name, for people who look at the registry
    classifier_gain: str = ""  # table as JSON

    cost: str = ""  # of training and evaluations, as JSON (tasks/trainer/costs/cost.py)
    cost_words: str = ""  # the same in words, for people who look at the registry

    promoted: bool | None = None
    why: str = ""
    at: str = ""
    replaced: str = ""  # number of the previous champion; empty: there was none

    dossier: str = ""  # path of the newest dossier among the artifacts of the run
    dossier_sha256: str = ""  # of its SHA256SUMS
    pulled_from: str = ""  # the repository, with its commit, from which `shardgan pull` took the version

    approval: State = ""  # of the question to a person, where promote.approval is ask
    approval_asked: str = ""  # when; all times are in UTC
    approval_until: str = ""  # time limit
    approval_against: str = ""  # number of the champion that it was compared with; empty: there was none
    approval_protocol: str = ""  # digest of the protocol of the scores that were compared
    approval_finding: str = ""  # what the promotion rule found
    approval_run: str = ""  # id of the flow run that waits in Prefect; empty: none
    approval_by: str = ""  # who decided
    approval_reason: str = ""
    approval_at: str = ""  # when it was decided

    deleted: str = ""  # when `shardgan delete` marked it; `shardgan gc` removes it, and `shardgan undo` the mark

    @classmethod
    def of(cls, version: "ModelVersion", *needed: str) -> Self:
        """Read the version's tags.

        Raises RegistryError if a tag has an invalid value, or if one of the `needed` fields is missing or empty.
        """
        uri = uri_of(version)
        try:
            tags = cls.parse(version.tags)
        except ValidationError as error:
            first = error.errors()[0]
            name, said = cls.name(str(first["loc"][0])), first["msg"]
            raise RegistryError(f"{uri}: the tag {name} is {first['input']!r}: {said}; delete or correct it") from error
        if missing := [cls.name(field) for field in needed if not getattr(tags, field)]:
            raise RegistryError(f"{uri} was not registered by shardgan: it has no tag {', '.join(missing)}")
        return tags

    def read_parents(self) -> list[Parent]:
        """Return the dataset versions of a blend. Empty for a version that was trained on one dataset.

        Raises RegistryError if somebody changed the tag to something else.
        """
        if not self.parents:
            return []
        try:
            return TypeAdapter(list[Parent]).validate_json(self.parents)
        except ValidationError as error:
            raise RegistryError(
                f"the tag {self.name('parents')} is {self.parents[:100]!r}: expected a JSON list of dataset versions "
                "with their shares; correct or delete it"
            ) from error

    def nets_used(self) -> dict[str, str]:
        """Return the feature nets that the version's training used, by name, each with what it was used for.

        Versions that are older than this tag were trained by releases that scored with NETS_BEFORE alone. Raises
        RegistryError if somebody changed the tag to something that is not a JSON object.
        """
        try:
            found = json.loads(self.feature_nets) if self.feature_nets else NETS_BEFORE
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RegistryError(
                f"the tag {self.name('feature_nets')} is {self.feature_nets[:100]!r}: expected a JSON object of nets "
                "and their uses; correct it, {} if there are none"
            )
        return {str(net): str(use) for net, use in found.items()}

    def write(self, client: "MlflowClient", version: "ModelVersion") -> None:
        """Set these tags on the version. Tags of fields that were not set do not change."""
        for key, value in self.as_tags().items():
            client.set_model_version_tag(version.name, version.version, key, value)


def short_tags(version: "ModelVersion") -> dict[str, str]:
    """Return all shardgan tags of a version, by their names without `shardgan.`."""
    return {name.removeprefix(PREFIX): value for name, value in version.tags.items() if name.startswith(PREFIX)}


def _matching(tags: Mapping[str, str], pattern: str) -> Iterator[tuple[str, str]]:
    start, end = pattern.split("{}")
    for name, value in tags.items():
        if name.startswith(start) and name.endswith(end) and len(name) > len(start) + len(end):
            yield name[len(start) : len(name) - len(end)], value
