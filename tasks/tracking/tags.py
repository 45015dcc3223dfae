"""All tags that shardgan puts on MLflow runs, registered models and their versions, as typed records.

The names of tags stand in this file alone. What a tag holds is a field of the record; its name in MLflow is `shardgan.`
(for decisions about the champion: `gate.`) and the field's name. Several tags of one kind are a mapping.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.errors import RegistryError
from tasks.tracking.model_ref import uri_of

__all__ = ["ModelTags", "RunTags", "VersionTags", "short_tags"]

PREFIX = "shardgan."
DECISION_PREFIX = "gate."
DECISION = ("promoted", "why", "at", "replaced")


class Tags(BaseModel):
    """Fields that are tags. Only fields that were given are written, so that a record may hold a part of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Fields that hold several tags each, by the part of the name that stands for {}.
    families: ClassVar[dict[str, str]] = {}

    @classmethod
    def name(cls, field: str) -> str:
        """The name in MLflow of the tag that is this field."""
        return f"{DECISION_PREFIX if field in DECISION else PREFIX}{field}"

    @classmethod
    def parse(cls, tags: Mapping[str, str]) -> Self:
        """Read the tags that are known here; raises pydantic's ValidationError where a number is not a number."""
        values: dict[str, Any] = {}
        for field in cls.model_fields:
            if field in cls.families:
                values[field] = dict(_matching(tags, cls.families[field]))
            elif cls.name(field) in tags:
                values[field] = tags[cls.name(field)]
        return cls.model_validate(values)

    def as_tags(self) -> dict[str, str]:
        """The fields that were given, as MLflow stores them: texts by the names of tags."""
        tags: dict[str, str] = {}
        for field in self.model_fields_set:
            value = getattr(self, field)
            if field in self.families:
                tags |= {self.families[field].format(key): one for key, one in value.items()}
            else:
                tags[self.name(field)] = str(value).lower() if isinstance(value, bool) else str(value)
        return tags


class RunTags(Tags):
    """The tags of an MLflow run: which training or study it is of, and on what data and code."""

    families: ClassVar[dict[str, str]] = {"events": "shardgan.event.{}"}

    run: str = ""
    run_dir: str = ""
    dataset: str = ""
    dataset_version: str = ""
    manifest: str = ""
    commit: str = ""
    quick_protocol: str = ""  # digest of the protocol of the scores during training
    events: dict[str, str] = {}  # the newest event of each kind, in words
    study: str = ""  # digest of what a compression study is about
    advice: str = ""

    @classmethod
    def of(cls, run: Run) -> Self:
        """Read the run's tags."""
        return cls.parse(run.data.tags)


class ModelTags(Tags):
    """The tags of a registered model."""

    champions: str = ""  # numbers of the versions that became champion, oldest first, as a JSON list


class VersionTags(Tags):
    """The tags of a registered version: where it comes from, what its files are, its scores and the last decision."""

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
    commit: str = ""
    nimg: int = 0  # images seen by the checkpoint that was registered
    nimg_seen: int = 0  # images seen by the training in all
    chosen: str = ""  # why that checkpoint

    weights_sha256: str = ""
    shield_sha256: str = ""
    files_sha256: str = ""  # of all files together
    signed_by: str = ""
    graph_sha256: dict[str, str] = {}  # of exported graphs, by name
    graph_difference: dict[str, str] = {}  # largest difference to the network's images, in units of [-1, 1]

    scores: dict[str, str] = {}  # all scores under one protocol as JSON, by the protocol's digest
    shown_scores: dict[str, str] = {}  # the newest scores by name, for people who look at the registry
    classifier_gain: str = ""  # table as JSON

    promoted: bool | None = None
    why: str = ""
    at: str = ""
    replaced: str = ""  # number of the version that was champion before; empty: none was

    @classmethod
    def of(cls, version: ModelVersion, *needed: str) -> Self:
        """Read the version's tags.

        Raises RegistryError where a tag is not what it must be, or one of the `needed` fields is missing or empty.
        """
        uri = uri_of(version)
        try:
            tags = cls.parse(version.tags)
        except ValidationError as error:
            first = error.errors()[0]
            name, said = cls.name(str(first["loc"][0])), first["msg"]
            raise RegistryError(f"{uri}: the tag {name} is {first['input']!r}: {said}; delete or mend it") from error
        if missing := [cls.name(field) for field in needed if not getattr(tags, field)]:
            raise RegistryError(f"{uri} was not registered by shardgan: it has no tag {', '.join(missing)}")
        return tags

    def write(self, client: MlflowClient, version: ModelVersion) -> None:
        """Set these tags on the version; tags of fields that were not given stay as they are."""
        for key, value in self.as_tags().items():
            client.set_model_version_tag(version.name, version.version, key, value)


def short_tags(version: ModelVersion) -> dict[str, str]:
    """All tags of shardgan's on a version, by their names without `shardgan.`."""
    return {name.removeprefix(PREFIX): value for name, value in version.tags.items() if name.startswith(PREFIX)}


def _matching(tags: Mapping[str, str], pattern: str) -> Iterator[tuple[str, str]]:
    start, end = pattern.split("{}")
    for name, value in tags.items():
        if name.startswith(start) and name.endswith(end) and len(name) > len(start) + len(end):
            yield name[len(start) : len(name) - len(end)], value
