"""Files of weights that somebody names: a path, or a URL that is fetched once; nothing is read before its sha256 is."""

import hashlib
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO
from uuid import uuid4

from models.errors import FeatureNetError

TIMEOUT_SECONDS = 60
MOST_BYTES, PIECE_BYTES = 2**33, 2**20


def find_weights(place: str, sha256: str, cache_dir: Path) -> Path:
    """Give the path of the file at `place`, a path or an http(s) URL; a URL is kept in `cache_dir` by its sha256.

    Raises FeatureNetError where the file is missing, cannot be fetched, or hashes to something else.
    """
    is_url = place.startswith(("https://", "http://"))
    path = cache_dir / f"weights-{sha256}" if is_url else Path(place).expanduser()
    if is_url and not path.exists():
        _fetch(place, sha256, path)
    _check(path, sha256, place)
    return path


def _fetch(url: str, sha256: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response, unfinished.open("wb") as file:
            _copy(response, file)
        _check(unfinished, sha256, url)
        unfinished.replace(path)
    except (urllib.error.URLError, OSError) as error:
        raise FeatureNetError(
            f"weights cannot be fetched from {url} ({error}): fetch them elsewhere and name the file's path"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _copy(response: IO[bytes], file: IO[bytes]) -> None:
    while piece := response.read(PIECE_BYTES):
        file.write(piece)
        if file.tell() > MOST_BYTES:
            raise OSError(f"it has more than {MOST_BYTES} bytes, and no feature net has as many")


def _check(path: Path, sha256: str, place: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FeatureNetError(f"the weights {place} cannot be read ({error}): name a file that is there") from error
    if found != sha256:
        raise FeatureNetError(
            f"the weights {place} hash to sha256 {found}, but weights_sha256 is {sha256}: another file, or damaged"
        )


def read_weights(path: Path) -> tuple[bytes, str]:
    """Give a file's content and its sha256; raises FeatureNetError where it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FeatureNetError(f"the weights {path} cannot be read ({error}): name a file that is there") from error
    return content, hashlib.sha256(content).hexdigest()
