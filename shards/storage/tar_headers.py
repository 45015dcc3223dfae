"""Tar headers from elsewhere: they may not ask for memory, and a chain of them may not run in circles."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

_MOST_HEADER_BYTES = 2**20


class CautiousTarInfo(tarfile.TarInfo):
    """Refuses headers that ask for memory: names and extended headers of a megabyte are an attack."""

    def _proc_member(self, tar: tarfile.TarFile) -> "CautiousTarInfo":
        if not self.isreg() and self.size > _MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        return super()._proc_member(tar)  # type: ignore[misc,no-any-return]


@contextmanager
def header_errors() -> Iterator[None]:
    """Turn what the standard library raises on hostile headers, apart from TarError, into a ReadError."""
    try:
        yield
    except RecursionError as error:
        raise tarfile.ReadError("headers of headers of headers, without end") from error
    # Numbers that are none, or larger than any file; tarfile takes ord() of nothing where a gzip header is cut short.
    except (ValueError, OverflowError, TypeError) as error:
        raise tarfile.ReadError(f"a header that cannot be read: {error}") from error
