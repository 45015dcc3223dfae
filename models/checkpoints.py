"""Checkpoints that are whole or not there: tensors in safetensors, the rest in JSON, the commit marker last.

checkpoints/000000102400/state.safetensors   every tensor of the training state, flat names
                         state.json          everything else
                         COMMITTED           sha256 of the two; written last, so its presence means the rest is there
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from models.errors import CheckpointError

logger = logging.getLogger(__name__)
MARKER = "COMMITTED"
TENSORS = "state.safetensors"
VALUES = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """One saved training state."""

    nimg: int
    tensors: dict[str, torch.Tensor]
    values: dict[str, Any]


class CheckpointStore:
    """The checkpoints of one run, newest `keep` of them kept."""

    def __init__(self, directory: Path, keep: int = 2) -> None:
        self.directory = directory
        self.keep = keep

    def save(self, nimg: int, tensors: Mapping[str, torch.Tensor], values: Mapping[str, Any]) -> Path:
        """Write one checkpoint; a process killed at any moment leaves either all of it or nothing that counts."""
        final = self.directory / f"{nimg:012d}"
        partial = self.directory / f".{final.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(final, ignore_errors=True)
        partial.mkdir(parents=True)
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, partial / TENSORS)
        (partial / VALUES).write_text(json.dumps({"nimg": nimg, **values}, indent=1))
        digests = {name: file_sha256(partial / name) for name in (TENSORS, VALUES)}
        for name in digests:
            _sync(partial / name)
        (partial / MARKER).write_text(json.dumps(digests, indent=1))
        _sync(partial / MARKER)
        partial.rename(final)
        _sync(self.directory)
        self._prune()
        return final

    def load_latest(self) -> Checkpoint | None:
        """The newest checkpoint whose hashes hold; damaged ones are passed over with a warning, none gives None."""
        for path in reversed(self.committed()):
            try:
                return load_checkpoint(path)
            except CheckpointError as error:
                logger.warning("%s; trying the checkpoint before it", error)
        return None

    def committed(self) -> list[Path]:
        """Directories of the checkpoints that were finished, oldest first."""
        return sorted(marker.parent for marker in self.directory.glob(f"[0-9]*/{MARKER}"))

    def _prune(self) -> None:
        for path in self.committed()[: -self.keep]:
            shutil.rmtree(path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read the checkpoint in directory `path`.

    Raises CheckpointError where a file is missing or is not what the commit marker says.
    """
    try:
        digests: dict[str, str] = json.loads((path / MARKER).read_text())
        for name, expected in digests.items():
            if (found := file_sha256(path / name)) != expected:
                raise CheckpointError(f"{path / name} is damaged: sha256 {found[:12]}, expected {expected[:12]}")
        values = json.loads((path / VALUES).read_text())
        return Checkpoint(values.pop("nimg"), load_file(path / TENSORS), values)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {error}") from error


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
