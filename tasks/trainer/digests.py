"""Lists of sha256 that a person writes by hand: one a line, with remarks after a #."""

import re

from tasks.errors import RequestError

__all__ = ["parse_digests"]

SHA256 = re.compile(r"[0-9a-f]{64}")


def parse_digests(text: str, name: str) -> list[str]:
    """The sha256 in `text`, each once, in order; raises RequestError, with the list's `name`, for anything else."""
    lines = {line.partition("#")[0].strip().lower() for line in text.splitlines()}
    digests = sorted(lines - {""})
    if wrong := [digest for digest in digests if not SHA256.fullmatch(digest)]:
        raise RequestError(f"{name} has {wrong[0]!r}: expected a sha256 in 64 hex digits a line")
    return digests
