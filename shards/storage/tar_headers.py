"""Checks on untrusted tar headers: bounded size, no endless chains of extended headers."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

_MOST_HEADER_BYTES = 2**20


class CautiousTarInfo(tarfile.TarInfo):
    """Refuses long names and extended headers of more than 1 MiB, which tarfile would read into memory."""

    def _proc_member(self, tar: tarfile.TarFile) -> "CautiousTarInfo":
        if not self.isreg() and self.size > _MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header has {self.size} bytes, at most {_MOST_HEADER_BYTES} are read")
        return super()._proc_member(tar)  # type: ignore[misc,no-any-return]


@contextmanager
def header_errors() -> Iterator[None]:
    """Turn the errors that the standard library raises on malformed headers into tarfile.ReadError."""
    try:
        yield
    except RecursionError as error:
        raise tarfile.ReadError("its extended headers are nested without end") from error
    # Malformed or very large numbers. TypeError: tarfile calls ord(b"") where a gzip header is cut short.
    except (ValueError, OverflowError, TypeError) as error:
        raise tarfile.ReadError(f"a header cannot be read: {error}") from error
