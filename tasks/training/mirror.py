"""A copy of a run's state in the bucket, so that a retry on another worker can resume from it.

The trainer writes to a folder on the worker's own disk. Finished files are copied to `<root URI>/runs/<run>/`. The
files of a checkpoint are copied before its commit marker. A checkpoint with a marker is therefore complete, as on disk.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.training.checkpoints import BEST, MARKER, CheckpointStore
from shards.storage.uris import filesystem_of
from tasks.errors import MirrorError
from tasks.trainer.run_directory import RunDirectory

logger = logging.getLogger(__name__)
STATE = (
    "config.json",
    "init.safetensors",
    "data.json",
    "compute.json",
    "stats.jsonl",
    "scores.jsonl",
    "history.jsonl",
    "status.json",
    "live.html",
    "live.js",
    f"checkpoints/{BEST}",
)


class RunMirror:
    """The copy of one run directory under the URI of a store."""

    def __init__(self, run: RunDirectory, uri: str) -> None:
        self.run = run
        self.filesystem, self.path = filesystem_of(f"{uri.rstrip('/')}/{run.name}", skip_instance_cache=True)
        self.uri = uri
        self.pushed: set[str] = set()

    def pull(self) -> None:
        """Fetch what is newer in the bucket than here: the newest and the best checkpoint, with their files.

        Raises MirrorError if the bucket does not answer. The other methods of this class do the same.
        """
        theirs, ours = self._committed(), CheckpointStore(self.run.checkpoints).committed()
        if not theirs or (ours and ours[-1].name >= theirs[-1]):
            return
        logger.info("fetching the checkpoint at %s images from %s", f"{int(theirs[-1]):,}", self.uri)
        with self._mapped("fetch"):
            # The newest checkpoint is fetched last. When it is here, the fetch was complete and is not repeated.
            for name in STATE:
                if self.filesystem.exists(f"{self.path}/{name}"):
                    self.filesystem.get_file(f"{self.path}/{name}", str(self.run.path / name))
            for name in theirs:
                self._fetch_folder(f"checkpoints/{name}")

    def push(self) -> None:
        """Copy new files to the bucket. Remove the checkpoints there that are no longer kept here."""
        ours = {path.name: path for path in CheckpointStore(self.run.checkpoints).committed()}
        if set(ours) == self.pushed:
            return
        theirs = set(self._committed())
        with self._mapped("store"):
            for name in sorted(ours.keys() - theirs):
                self._store_state()
                self._store_folder(ours[name], f"checkpoints/{name}")
            for name in theirs - ours.keys():
                self.filesystem.rm_file(f"{self.path}/checkpoints/{name}/{MARKER}")
                self.filesystem.rm(f"{self.path}/checkpoints/{name}", recursive=True)
        self.pushed = set(ours)

    def finish(self) -> None:
        """Copy the remaining files when the training has ended."""
        self.push()
        with self._mapped("store"):
            self._store_state()
            self._store_folder(self.run.samples, "samples")

    def _fetch_folder(self, name: str) -> None:
        folder = self.run.path / name
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(self._names(name), key=lambda file: file == MARKER):
            self.filesystem.get_file(f"{self.path}/{name}/{file}", str(folder / file))

    def _store_state(self) -> None:
        for name in STATE:
            if (path := self.run.path / name).exists():
                self._store(path, name)

    def _store_folder(self, folder: Path, name: str) -> None:
        for path in sorted(folder.iterdir(), key=lambda path: (path.name == MARKER, path.name)):
            self._store(path, f"{name}/{path.name}")

    def _store(self, path: Path, name: str) -> None:
        target = f"{self.path}/{name}"
        self.filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
        self.filesystem.put_file(str(path), target)

    def _committed(self) -> list[str]:
        with self._mapped("list"):
            names = [name for name in self._names("checkpoints") if name.isdigit()]
            return sorted(name for name in names if MARKER in self._names(f"checkpoints/{name}"))

    def _names(self, folder: str) -> list[str]:
        path = f"{self.path}/{folder}".rstrip("/")
        try:
            return [item.rstrip("/").rpartition("/")[2] for item in self.filesystem.ls(path, detail=False)]
        except FileNotFoundError:
            return []

    @contextmanager
    def _mapped(self, doing: str) -> Iterator[None]:
        """Turn every exception that the bucket's client raises into MirrorError."""
        try:
            yield
        except Exception as error:
            raise MirrorError(
                f"could not {doing} the run's state at {self.uri}/{self.run.name} ({type(error).__name__}: {error}): "
                "check that the bucket exists and that you may write to it"
            ) from error
