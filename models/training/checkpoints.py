"""Checkpoints that are whole or not there: tensors in safetensors, the rest in JSON, the commit marker last.

checkpoints/000000102400/state.safetensors   every tensor of the training state, flat names
                         state.json          everything else
                         COMMITTED           sha256 of the two; written last, so its presence means the rest is there
            best.json                        which of them has the best score; absent where none was scored
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
        """The tensors of one network or optimiser, under the names it has for them itself."""
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
        """Write one checkpoint; a process killed at any moment leaves either all of it or nothing that counts.

        An `interim` one is where a training was told to stop, out of turn: it goes as soon as a newer one is there.
        Raises CheckpointError where the disk is full or does not take it.
        """
        partial = self.directory / f".{self.path(nimg).name}.partial"
        try:
            return self._save(partial, nimg, tensors, {**({INTERIM: True} if interim else {}), **values})
        except (OSError, SafetensorError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise CheckpointError(
                f"the checkpoint at {nimg:,} images cannot be written to {self.directory} ({error}): make room or "
                "repair the storage; the training goes on from the checkpoint before it"
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
        shutil.rmtree(final, ignore_errors=True)  # not sooner: where there is no room, what lies there stays
        partial.rename(final)
        _sync(self.directory)
        self._prune()
        return final

    def load_latest(self, interim: bool = True) -> Checkpoint | None:
        """The newest checkpoint whose hashes hold; damaged ones are passed over with a warning, none gives None.

        Without `interim`, only those count that were written in turn: they are the same however often a training
        was stopped and resumed.
        """
        for path in reversed(self.committed(interim)):
            try:
                return load_checkpoint(path)
            except CheckpointError as error:
                logger.warning("%s; trying the checkpoint before it", error)
        return None

    def load_best(self) -> Checkpoint | None:
        """The checkpoint with the best score; where there is none, or it is damaged, the newest written in turn."""
        if best := self.best():
            try:
                return load_checkpoint(self.path(best.nimg))
            except CheckpointError as error:
                logger.warning("%s; taking the newest checkpoint in place of the best", error)
        return self.load_latest(interim=False) or self.load_latest()

    def best(self) -> Best | None:
        """What is recorded as the best; None where nothing was scored."""
        try:
            return Best(**json.loads((self.directory / BEST).read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            logger.warning("%s cannot be read (%s): going on as if nothing had been scored", BEST, error)
            return None

    def set_best(self, best: Best) -> None:
        """Record which checkpoint is the best: it stays, however many newer ones come; the one before may go."""
        partial = self.directory / f".{BEST}.partial"
        partial.write_text(json.dumps(asdict(best), indent=1))
        _sync(partial)
        partial.replace(self.directory / BEST)
        self._prune()

    def path(self, nimg: int) -> Path:
        """Where the checkpoint at `nimg` images lies."""
        return self.directory / f"{nimg:012d}"

    def committed(self, interim: bool = True) -> list[Path]:
        """Directories of the checkpoints that were finished, oldest first."""
        found = sorted(marker.parent for marker in self.directory.glob(f"[0-9]*/{MARKER}"))
        return found if interim else [path for path in found if not _is_interim(path)]

    def _prune(self) -> None:
        found, best = self.committed(), self.best()
        # The one written last need not be the furthest: a training that found that one damaged began before it.
        last = sorted(found, key=lambda path: (path / MARKER).stat().st_mtime_ns)[-1:]
        kept = {*self.committed(interim=False)[-self.keep :], *found[-1:], *last}
        kept |= {self.path(best.nimg)} if best else set()
        for path in set(found) - kept:
            shutil.rmtree(path)


class BackgroundWriter:
    """Saves to a store from a thread, one checkpoint at a time, while training goes on.

    What went wrong in the thread is raised by the next call here.
    """

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "checkpoints")
        self._written: Future[Path] | None = None

    def save(
        self, nimg: int, tensors: Mapping[str, torch.Tensor], values: Mapping[str, Any], interim: bool = False
    ) -> None:
        """Copy the tensors to CPU memory, and write them in the background; waits for the save before it."""
        self.wait()
        copies = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
        # As text and back: nothing that the training goes on to change is shared.
        self._written = self._thread.submit(self._store.save, nimg, copies, json.loads(json.dumps(values)), interim)

    @property
    def is_idle(self) -> bool:
        """Whether all that was handed in has been written."""
        return self._written is None or self._written.done()

    def wait(self) -> None:
        """Return when all that was handed in is on disk; raise what kept it from getting there."""
        written, self._written = self._written, None
        if written is not None:
            written.result()


def load_checkpoint(path: Path) -> Checkpoint:
    """Read the checkpoint in directory `path`.

    Raises CheckpointError where a file is missing or is not what the commit marker says.
    """
    try:
        digests: dict[str, str] = json.loads((path / MARKER).read_text())
        for name in (TENSORS, VALUES):  # by our names: a marker that says nothing proves nothing
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
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
