"""Digests of values through their canonical JSON: keys of caches, and the digest of a protocol."""

import hashlib
import json
from typing import Any


def digest_of(value: Any) -> str:
    """Give 12 hex digits of the sha256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:12]


def canonical_json(value: Any) -> str:
    """Give the one JSON text of `value`: keys sorted, nothing but ASCII, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
