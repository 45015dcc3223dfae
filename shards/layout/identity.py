"""The names that follow from content: the key of a sample, and the version of a dataset."""

import json
from hashlib import sha256
from typing import Any

KEY_DIGITS = 24  # of the sha256 of the source file
_VERSION_DIGITS = 16


def sample_key(source_sha256: str, frame: int = 0) -> str:
    """Return the key of a sample. Frames of an animation after the first have their number in the key."""
    key = source_sha256[:KEY_DIGITS]
    return key if frame == 0 else f"{key}-{frame:05d}"


class VersionHash:
    """Computes the version of a dataset from its settings and its samples, added in the order of their keys."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._digest = sha256(json.dumps(settings, sort_keys=True).encode())

    def add(self, key: str, sample_sha256: str, label: int | None) -> None:
        """Add one sample; `sample_sha256` is the hash of its encoded bytes."""
        self._digest.update(f"{key} {sample_sha256} {label}\n".encode())

    def version(self) -> str:
        """Return the version of everything added so far."""
        return self._digest.hexdigest()[:_VERSION_DIGITS]
