"""The run directory: the only channel between a trainer and the rest of the world.

    runs/<run>/config.json    what is trained on which data; written before the trainer starts
               rendezvous.json    where several nodes meet; exists while their leader works (tasks/trainer/nodes)
               init.safetensors   weights to start from, if config.json asks for them
               lock           flock: one trainer at a time, freed by the kernel when its holder dies
               follower       flock: one process at a time that starts trainers here and reports to MLflow
               data.json      whether it streams; chosen by the first trainer, kept by all later ones
               compute.json   images at once; exists if memory did not hold as many as config.json asks for
               stats.jsonl    one object per tick, and one with the key "event" per health event
               history.jsonl  when each trainer started, what its time went into, and how it ended
               scores.jsonl   one object per quick score, with the checkpoint's nimg and its protocol
               samples/       grids by images seen
               checkpoints/   see models.training.checkpoints
               status.json    its state: running, done, resumable, diverged, failed
               train.log      the trainer's own output
               outages.jsonl  one object per outage of MLflow or the bucket that the process saw that follows the run
               live.html      the page that shows all this; live.js holds its data (tasks/trainer/live_page.py)

Imports neither Prefect nor MLflow: the trainer uses this file too.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from models import Settings
from models.networks.names import FamilyName
from models.networks.presets import PresetName
from models.networks.spec import NetworkSpec
from models.training.config import TrainConfig
from shards.storage.files import write_atomically
from tasks.errors import RequestError
from tasks.trainer.config import DataConfig, Parent
from tasks.trainer.locks import hold, is_held
from tasks.trainer.nodes.config import LaunchConfig
from tasks.trainer.trusted import TrustedImages

State = Literal["running", "done", "resumable", "diverged", "failed"]


class AutoFamily(Settings):
    """What train.family=auto came to. `request` is the digest of the settings and the dataset version."""

    request: str
    family: FamilyName
    why: str
    preset: PresetName = "auto"


class RunConfig(Settings):
    """Everything that a trainer needs to know: the content of `config.json`."""

    run: str
    manifest: str
    dataset: str
    dataset_version: str
    labels: list[str]
    network: NetworkSpec
    train: TrainConfig
    init_sha256: str = ""
    init_nets: dict[str, str] = Field({})  # feature nets that the training of the initial weights used, with their use
    data: DataConfig = DataConfig()
    launch: LaunchConfig = LaunchConfig()
    parents: list[Parent] = Field([])  # empty: the images of `manifest` alone
    trusted: TrustedImages | None = None
    auto: AutoFamily | None = None  # how the family was chosen, if the request left it open
    commit: str

    def nets_used(self) -> dict[str, str]:
        """Return the feature nets that this training uses, by name, each with what it is used for.

        They include the nets of the training that made the initial weights.
        """
        inherited = "the initial weights come from a training that used it"
        before = {net: f"{inherited}: {use}" for net, use in self.init_nets.items()}
        return before | self.train.feature_nets_used()


class Status(Settings):
    """The state of a training, or the way in which it ended."""

    state: State
    nimg: int
    reason: str = ""


class RunDirectory:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stats = path / "stats.jsonl"
        self.scores = path / "scores.jsonl"
        self.samples = path / "samples"
        self.checkpoints = path / "checkpoints"
        self.log = path / "train.log"
        self.init = path / "init.safetensors"
        self.live_page = path / "live.html"
        self.live_data = path / "live.js"

    @property
    def name(self) -> str:
        return self.path.name

    def create(self, config: RunConfig) -> None:
        """Create the directory for `config` unless it exists. Raises RequestError if it holds another config."""
        if (self.path / "config.json").exists():
            # The commit may be different: somebody may have fixed the code between a crash and the resume.
            found = self.config()
            same_data = found.data.identity() == config.data.identity()
            # Older releases did not write init_nets. The same training may be asked for with its family or with auto.
            present = {"commit": config.commit, "data": config.data, "init_nets": config.init_nets, "auto": config.auto}
            present["launch"] = config.launch
            if not same_data or found.model_copy(update=present) != config:
                raise RequestError(f"run {self.name} exists with other settings ({found.train}): choose another name")
            # How the images are read, and how nodes are started: the present request counts.
            if (found.data, found.launch) != (config.data, config.launch):
                self._write_config(found.model_copy(update={"data": config.data, "launch": config.launch}))
            return
        self.samples.mkdir(parents=True, exist_ok=True)
        self._write_config(config)

    def _write_config(self, config: RunConfig) -> None:
        write_atomically(self.path / "config.json", config.model_dump_json(indent=1))

    def config(self) -> RunConfig:
        """Read the run's config.json."""
        return RunConfig.model_validate_json((self.path / "config.json").read_text())

    def status(self) -> Status | None:
        """Read status.json. Return None if no trainer has started yet. Raises RequestError if the file is damaged."""
        path = self.path / "status.json"
        if not path.exists():
            return None
        try:
            return Status.model_validate_json(path.read_text(errors="replace"))
        except ValidationError as error:
            raise RequestError(
                f"{path} is damaged: delete it, and the same command continues from the last checkpoint"
            ) from error

    def status_written(self) -> int:
        """Return the time when status.json was last written, in nanoseconds, or 0 if it does not exist."""
        path = self.path / "status.json"
        return path.stat().st_mtime_ns if path.exists() else 0

    def set_status(self, state: State, nimg: int, reason: str = "") -> None:
        """Replace status.json."""
        write_atomically(self.path / "status.json", Status(state=state, nimg=nimg, reason=reason).model_dump_json())

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock of this run's only trainer. Raises RunLocked if another trainer holds it."""
        # A process that checks whether the lock is held also holds it for a moment.
        with hold(self.path / "lock", f"another trainer works in {self.path}", wait_seconds=1):
            yield

    @contextmanager
    def follow(self, wait_seconds: float) -> Iterator[None]:
        """Hold the lock of the only process that starts and follows trainers here.

        Raises RunLocked if another process still holds it after `wait_seconds`.
        """
        with hold(self.path / "follower", f"another process trains in {self.path}", wait_seconds):
            yield

    def is_locked(self) -> bool:
        """Return whether a trainer works in this directory."""
        return is_held(self.path / "lock")

    def is_followed(self) -> bool:
        """Return whether a process follows this run. This is also true between two trainers."""
        return is_held(self.path / "follower")

    def wait_until_free(self, wait_seconds: float) -> None:
        """Wait until a trainer that is stopping has ended. Raises RunLocked if it does not end in time."""
        with hold(self.path / "lock", f"another trainer works in {self.path}", wait_seconds):
            pass

    def append_stats(self, row: Mapping[str, Any]) -> None:
        """Add one tick or event."""
        append_line(self.stats, row)

    def append_score(self, row: Mapping[str, Any]) -> None:
        """Add one quick score."""
        append_line(self.scores, row)

    def append_outage(self, server: str) -> None:
        """Note that a server did not answer, once per outage."""
        append_line(
            self.path / "outages.jsonl", {"at": datetime.now(UTC).isoformat(timespec="seconds"), "server": server}
        )

    def cut_stats(self, nimg: int) -> None:
        """Drop ticks, events and scores after `nimg`: the trainer resumes there and will write them again."""
        for path, rows in ((self.stats, StatsFollower(self).read()), (self.scores, self.read_scores())):
            if path.exists():
                kept = [row for row in rows if row["nimg"] <= nimg]
                write_atomically(path, "".join(json.dumps(row) + "\n" for row in kept))

    def read_stats(self) -> list[dict[str, Any]]:
        """Return all ticks so far."""
        return self.read_rows()[0]

    def read_events(self) -> list[dict[str, Any]]:
        """Return all health events so far: nimg, event, action, reason."""
        return self.read_rows()[1]

    def read_rows(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return all ticks and all health events so far."""
        rows = StatsFollower(self).read()
        return [row for row in rows if "event" not in row], [row for row in rows if "event" in row]

    def read_scores(self) -> list[dict[str, Any]]:
        """Return all quick scores so far. A line that a killed trainer left incomplete does not count."""
        whole, _, _ = self.scores.read_bytes().rpartition(b"\n") if self.scores.exists() else (b"", b"", b"")
        return [json.loads(line) for line in whole.splitlines()]

    def data_config(self) -> DataConfig:
        """Return the data settings of this run. When a trainer has decided what `auto` means, the decision stays.

        The two modes use different orders of images.
        """
        path, config = self.path / "data.json", self.config().data
        return config.model_copy(update=json.loads(path.read_text())) if path.exists() else config

    def store_data_mode(self, mode: str) -> None:
        """Store the mode that the first trainer of this run chose."""
        write_atomically(self.path / "data.json", json.dumps({"mode": mode}))

    def train_config(self) -> TrainConfig:
        """Return the training settings of this run, with the number of images at once that fits into memory."""
        path, config = self.path / "compute.json", self.config().train
        found = json.loads(path.read_text()) if path.exists() else {}
        return config.model_copy(update={"compute": config.compute.model_copy(update=found)})

    def store_micro_batch(self, size: int) -> None:
        """Let every later trainer of this run pass `size` images through the networks at once."""
        write_atomically(self.path / "compute.json", json.dumps({"micro_batch_size": size}))

    def write_sample(self, name: str, png: bytes) -> None:
        """Keep one grid as samples/<name>.png."""
        self.samples.mkdir(exist_ok=True)
        write_atomically(self.samples / f"{name}.png", png)

    def list_samples(self) -> list[tuple[int, Path]]:
        """Return (nimg, path) of the generated grids, in order."""
        return sorted((int(path.stem), path) for path in self.samples.glob("[0-9]*.png"))


class StatsFollower:
    """Reads each line of a growing stats.jsonl once. Reads from the start if a resumed trainer replaced the file."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.inode = self.offset = 0

    def read(self) -> list[dict[str, Any]]:
        """Return the ticks and events that are new since the last call."""
        if not self.run.stats.exists():
            return []
        with self.run.stats.open("rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            self.offset = self.offset if inode == self.inode else 0
            self.inode = inode
            file.seek(self.offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self.offset += len(whole) + len(newline)
        return [json.loads(line) for line in whole.splitlines()]


def append_line(path: Path, row: Mapping[str, Any]) -> None:
    """Add `row` to a file of JSON lines."""
    with path.open("a") as file:
        file.write(json.dumps(row, allow_nan=False) + "\n")
