"""Digests of values by their canonical JSON, for cache keys and protocols."""

import hashlib
import json
from typing import Any


def digest_of(value: Any) -> str:
    """The first 12 hex digits of the sha256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:12]


def canonical_json(value: Any) -> str:
    """The canonical JSON of `value`: sorted keys, ASCII only, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
