"""Checkpoints, written atomically: tensors in safetensors, the rest in JSON, and a commit marker last.

checkpoints/000000102400/state.safetensors   every tensor of the training state, flat names
                         state.json          everything else
                         COMMITTED           sha256 of the two; written last, so its presence means they are complete
            best.json                        which checkpoint has the best score; absent where none was scored
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from models.errors import CheckpointError

logger = logging.getLogger(__name__)
MARKER = "COMMITTED"
TENSORS = "state.safetensors"
VALUES = "state.json"
BEST = "best.json"
INTERIM = "interim"


@dataclass(frozen=True)
class Checkpoint:
    """One saved training state."""

    nimg: int
    tensors: dict[str, torch.Tensor]
    values: dict[str, Any]

    def part(self, name: str) -> dict[str, torch.Tensor]:
        """The tensors of one network or optimiser, under its own names."""
        prefix = f"{name}."
        return {key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)}


@dataclass(frozen=True)
class Best:
    """The checkpoint with the best score so far; lower is better."""

    nimg: int
    name: str
    value: float
    protocol: str


class CheckpointStore:
    """The checkpoints of one run: the newest `keep`, and the best by score."""

    def __init__(self, directory: Path, keep: int = 2) -> None:
        self.directory = directory
        self.keep = keep

    def save(
        self, nimg: int, tensors: Mapping[str, torch.Tensor], values: Mapping[str, Any], interim: bool = False
    ) -> Path:
        """Write one checkpoint atomically: a process killed at any moment leaves a complete checkpoint or none.

        An `interim` checkpoint is written when a training is stopped between its regular ones. It is deleted as soon
        as a newer one exists. Raises CheckpointError where the disk is full or cannot be written.
        """
        partial = self.directory / f".{self.path(nimg).name}.partial"
        try:
            return self._save(partial, nimg, tensors, {**({INTERIM: True} if interim else {}), **values})
        except (OSError, SafetensorError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise CheckpointError(
                f"the checkpoint at {nimg:,} images cannot be written to {self.directory} ({error}): free some space "
                "or repair the storage, and start the training again; it resumes from the previous checkpoint"
            ) from error

    def _save(self, partial: Path, nimg: int, tensors: Mapping[str, torch.Tensor], values: Mapping[str, Any]) -> Path:
        final = self.path(nimg)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, partial / TENSORS)
        (partial / VALUES).write_text(json.dumps({"nimg": nimg, **values}, indent=1))
        digests = {name: file_sha256(partial / name) for name in (TENSORS, VALUES)}
        for name in digests:
            _sync(partial / name)
        (partial / MARKER).write_text(json.dumps(digests, indent=1))
        _sync(partial / MARKER)
        shutil.rmtree(final, ignore_errors=True)  # only now: a write that fails must not lose the old checkpoint
        partial.rename(final)
        _sync(self.directory)
        self._prune()
        return final

    def load_latest(self, interim: bool = True) -> Checkpoint | None:
        """The newest undamaged checkpoint, or None. Each damaged one is skipped with a warning.

        Without `interim`, only regular checkpoints count. They do not depend on how often a training was stopped.
        """
        for path in reversed(self.committed(interim)):
            try:
                return load_checkpoint(path)
            except CheckpointError as error:
                logger.warning("%s; trying the previous checkpoint", error)
        return None

    def load_best(self) -> Checkpoint | None:
        """The checkpoint with the best score; if there is none or it is damaged, the newest regular one."""
        if best := self.best():
            try:
                return load_checkpoint(self.path(best.nimg))
            except CheckpointError as error:
                logger.warning("%s; taking the newest checkpoint instead of the best", error)
        return self.load_latest(interim=False) or self.load_latest()

    def best(self) -> Best | None:
        """The record of the best checkpoint; None where none was scored."""
        try:
            return Best(**json.loads((self.directory / BEST).read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            logger.warning("%s cannot be read (%s): continuing without the best score", BEST, error)
            return None

    def set_best(self, best: Best) -> None:
        """Record which checkpoint is the best. It is kept as long as it is the best."""
        partial = self.directory / f".{BEST}.partial"
        partial.write_text(json.dumps(asdict(best), indent=1))
        _sync(partial)
        partial.replace(self.directory / BEST)
        self._prune()

    def path(self, nimg: int) -> Path:
        """The directory of the checkpoint at `nimg` images."""
        return self.directory / f"{nimg:012d}"

    def committed(self, interim: bool = True) -> list[Path]:
        """Directories of the complete checkpoints, oldest first."""
        found = sorted(marker.parent for marker in self.directory.glob(f"[0-9]*/{MARKER}"))
        return found if interim else [path for path in found if not _is_interim(path)]

    def _prune(self) -> None:
        found, best = self.committed(), self.best()
        # The one written last may not have the most images: a training that skips a damaged one starts before it.
        last = sorted(found, key=lambda path: (path / MARKER).stat().st_mtime_ns)[-1:]
        kept = {*self.committed(interim=False)[-self.keep :], *found[-1:], *last}
        kept |= {self.path(best.nimg)} if best else set()
        for path in set(found) - kept:
            shutil.rmtree(path)


class BackgroundWriter:
    """Saves checkpoints in a thread, one at a time, while training goes on.

    An error in the thread is raised by the next call of a method here.
    """

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "checkpoints")
        self._written: Future[Path] | None = None

    def save(
        self, nimg: int, tensors: Mapping[str, torch.Tensor], values: Mapping[str, Any], interim: bool = False
    ) -> None:
        """Wait for the previous save, copy the tensors to CPU memory, and write them in the background."""
        self.wait()
        copies = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
        # Copied through JSON, because the training goes on changing the values.
        self._written = self._thread.submit(self._store.save, nimg, copies, json.loads(json.dumps(values)), interim)

    @property
    def is_idle(self) -> bool:
        """Whether everything passed to `save` is written."""
        return self._written is None or self._written.done()

    def wait(self) -> None:
        """Return when everything passed to `save` is on disk; raise the error that prevented it."""
        written, self._written = self._written, None
        if written is not None:
            written.result()


def load_checkpoint(path: Path) -> Checkpoint:
    """Read the checkpoint in directory `path`.

    Raises CheckpointError where a file is missing or differs from its sha256 in the commit marker.
    """
    try:
        digests: dict[str, str] = json.loads((path / MARKER).read_text())
        for name in (TENSORS, VALUES):  # not the names in the marker: an empty marker would then prove everything
            if (found := file_sha256(path / name)) != digests[name]:
                raise CheckpointError(f"{path / name} is damaged: sha256 {found[:12]}, expected {digests[name]:.12}")
        values = json.loads((path / VALUES).read_text())
        return Checkpoint(int(values.pop("nimg")), load_file(path / TENSORS), values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {error}") from error


def _is_interim(path: Path) -> bool:
    try:
        return bool(json.loads((path / VALUES).read_text()).get(INTERIM))
    except (OSError, ValueError):
        return False


def file_sha256(path: Path) -> str:
    """Hex sha256 of the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
