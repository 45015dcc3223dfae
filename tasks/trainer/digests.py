"""Lists of sha256 digests that a person writes by hand: one digest per line, with comments after a #."""

import re

from tasks.errors import RequestError

__all__ = ["parse_digests"]

SHA256 = re.compile(r"[0-9a-f]{64}")


def parse_digests(text: str, name: str) -> list[str]:
    """Return the distinct digests in `text`, in order. Raises RequestError, with the list's `name`, for other text."""
    lines = {line.partition("#")[0].strip().lower() for line in text.splitlines()}
    digests = sorted(lines - {""})
    if wrong := [digest for digest in digests if not SHA256.fullmatch(digest)]:
        raise RequestError(f"{name} has {wrong[0]!r}: expected one sha256 of 64 hexadecimal digits per line")
    return digests
