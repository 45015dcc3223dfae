"""Dataset versions, runs and registered versions as plain records."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tasks.tracking.approvals import Approval
from tasks.trainer.costs.cost import Cost, VersionCost

RunState = Literal["running", "waiting", "done", "resumable", "diverged", "failed", "new"]


class Record(BaseModel):
    """A plain value. It can be compared and printed as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetRecord(Record):
    """One dataset version. `problem` says why its manifest cannot be read; the counts are then 0."""

    kind: Literal["dataset"] = "dataset"
    name: str
    version: str
    manifest: str
    is_latest: bool = False
    is_building: bool = False
    images: int = 0
    splits: Mapping[str, int] = {}
    labels: list[str] = []
    resolution: int = 0
    image_width: int = 0  # of images that are not square
    channels: int = 0
    bytes: int = 0
    source: str = ""
    made_by: str = ""  # URI of the model that generated the images
    grew_from: str = ""
    quarantined: int = 0
    duplicates: int = 0
    checks: list[str] = []  # changes since the version before that may be mistakes
    created: datetime | None = None
    problem: str = ""

    @property
    def title(self) -> str:
        """The name under which a person finds this version."""
        return f"{self.name}@{self.version}"

    @property
    def size(self) -> str:
        """The size of an image in words: "64" for squares of 64 pixels, "96x64" for other shapes."""
        return f"{self.image_width}x{self.resolution}" if self.image_width else str(self.resolution)

    @property
    def folder(self) -> str:
        """The folder or URI that holds the manifest and the shards."""
        return self.manifest.rpartition("/")[0]


class RunRecord(Record):
    """One run directory. `problem` says why its config.json cannot be read; most other fields are then empty."""

    kind: Literal["run"] = "run"
    name: str
    path: str
    state: RunState
    nimg: int = 0
    total_nimg: int = 0
    images_per_second: float | None = None
    seconds_left: float | None = None  # only while it trains
    dataset: str = ""
    dataset_version: str = ""
    manifest: str = ""
    blend: list[str] = []  # the titles of all dataset versions that a blend draws from; empty for a single one
    trusted_version: str = ""
    family: str = ""
    resolution: int = 0
    image_width: int = 0  # of images that are not square
    init: str = ""
    init_sha256: str = ""
    commit: str = ""
    score_name: str = ""  # of the best quick score
    score: float | None = None
    score_nimg: int = 0
    bytes: int = 0
    started: datetime | None = None
    updated: datetime | None = None
    reason: str = ""
    goodput: str = ""  # in words
    cost: Cost | None = None  # of all its trainers
    settings: dict[str, Any] = {}
    problem: str = ""

    @property
    def size(self) -> str:
        """The size of an image in words: "64" for squares of 64 pixels, "96x64" for other shapes."""
        return f"{self.image_width}x{self.resolution}" if self.image_width else str(self.resolution)

    @property
    def title(self) -> str:
        """The name under which a person finds this run."""
        return self.name


class ScoreRecord(Record):
    """The scores of a version under one protocol, with their 95% intervals."""

    values: dict[str, float]
    intervals: dict[str, tuple[float, float]] = {}
    baselines: dict[str, float] = {}
    protocol: dict[str, Any] = {}


class VersionRecord(Record):
    """One registered version. Fields that come from tags are empty for a version that shardgan did not register."""

    kind: Literal["model"] = "model"
    name: str
    version: str
    aliases: list[str] = []
    created: datetime | None = None
    mlflow_run: str = ""
    source: str = ""
    files: str = ""  # folder or URI of its files
    bytes: int | None = None  # None: the files are not on this machine
    run: str = ""
    dataset: str = ""
    dataset_version: str = ""
    manifest: str = ""
    commit: str = ""
    nimg: int = 0
    nimg_seen: int = 0
    chosen: str = ""
    weights_sha256: str = ""
    signed_by: str = ""
    shown_scores: dict[str, float] = {}  # the newest ones
    scores: dict[str, ScoreRecord] = {}  # by the digest of their protocol
    promoted: bool | None = None
    why: str = ""
    at: str = ""
    replaced: str = ""
    dossier: str = ""  # path of the newest dossier among the artifacts of the run
    dossier_sha256: str = ""
    pulled_from: str = ""  # repository and commit
    approval: Approval = Approval()
    deleted: str = ""  # when it was moved to the trash
    cost: VersionCost = VersionCost()
    problem: str = ""

    @property
    def title(self) -> str:
        """The URI under which MLflow and every command find this version."""
        return f"models:/{self.name}/{self.version}"

    @property
    def main_score(self) -> tuple[str, float] | None:
        """The score that promotion compares by default, or the first one there is."""
        chosen = [name for name in self.shown_scores if name.startswith(("FD", "FID"))] or list(self.shown_scores)
        return (chosen[0], self.shown_scores[chosen[0]]) if chosen else None
