"""Weights files given by path or URL. Their sha256 is checked before they are loaded; a URL is fetched once."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from models.errors import FeatureNetError

TIMEOUT_SECONDS = 60
MOST_BYTES, PIECE_BYTES = 2**33, 2**20


def find_weights(place: str, sha256: str, cache_dir: Path) -> Path:
    """The path of the file at `place`, a path or an http(s) URL. A fetched file is kept in `cache_dir` by its sha256.

    Raises FeatureNetError where the file is missing, cannot be fetched, or has another sha256.
    """
    is_url = place.startswith(("https://", "http://"))
    path = cache_dir / f"weights-{sha256}" if is_url else Path(place).expanduser()
    if is_url and not path.exists():
        _fetch(place, sha256, path)
    _check(path, sha256, place)
    return path


def _fetch(url: str, sha256: str, path: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response, atomic_file(path) as unfinished:
            with unfinished.open("wb") as file:
                _copy(response, file)
            _check(unfinished, sha256, url)
    except (urllib.error.URLError, OSError) as error:
        raise FeatureNetError(
            f"weights cannot be fetched from {url} ({error}): download them yourself and give the path of the file"
        ) from error


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A new path beside `path` to write to. The file there becomes `path` at the end, unless an error was raised."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Every writer has its own name, so two processes never write to one file.
    unfinished = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _copy(response: IO[bytes], file: IO[bytes]) -> None:
    while piece := response.read(PIECE_BYTES):
        file.write(piece)
        if file.tell() > MOST_BYTES:
            raise OSError(f"it has more than {MOST_BYTES} bytes, which is too large for a feature net")


def _check(path: Path, sha256: str, place: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FeatureNetError(f"the weights {place} cannot be read ({error}): give the path of a file") from error
    if found != sha256:
        raise FeatureNetError(
            f"the weights {place} have sha256 {found}, but weights_sha256 is {sha256}: it is another file, or damaged"
        )


def read_weights(path: Path) -> tuple[bytes, str]:
    """The content of a file and its sha256. Raises FeatureNetError where it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FeatureNetError(f"the weights {path} cannot be read ({error}): give the path of a file") from error
    return content, hashlib.sha256(content).hexdigest()
