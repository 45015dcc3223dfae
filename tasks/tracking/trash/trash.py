"""The trash of a home: one folder for each deleted thing, with a note that says where it came from.

trash/20260102-030405-0-first/deleted.json   what it is, when it was deleted, and what undo puts back
                              content        the folder that was moved here; none for a registered version
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock
from pydantic import ValidationError

from shards.layout.manifest import LATEST, versions
from shards.storage.files import write_atomically
from tasks.errors import RequestError
from tasks.home import Home
from tasks.tracking.inventory.datasets import read_latest
from tasks.tracking.inventory.records import Record
from tasks.tracking.trash.plans import Deletion

TRASH, NOTE, CONTENT = "trash", "deleted.json", "content"
KEPT = timedelta(days=1)


class LatestChange(Record):
    """The version that LATEST of a dataset named before a deletion, and the one that it named afterwards."""

    before: str
    after: str


class Trashed(Record):
    """One thing in the trash."""

    id: str
    deletion: Deletion
    at: datetime
    latest: LatestChange | None = None

    @property
    def name(self) -> str:
        """The name of the thing."""
        return self.deletion.name

    def is_old(self, now: datetime) -> bool:
        """Return whether undo need not bring it back any more."""
        return now - self.at >= KEPT


def trash_folder(home: Home) -> Path:
    """Return the folder of all deleted things."""
    return home.root / TRASH


def list_trash(home: Home) -> list[Trashed]:
    """Return what is in the trash, the newest first. A folder without a valid note is left out."""
    found = []
    for path in trash_folder(home).glob(f"*/{NOTE}"):
        try:
            found.append(Trashed.model_validate_json(path.read_text()))
        except (OSError, ValidationError):
            continue
    return sorted(found, key=lambda one: (one.at, one.id), reverse=True)


def delete(home: Home, deletions: Sequence[Deletion]) -> list[Trashed]:
    """Move each thing to the trash, and mark registered versions. Raises RequestError if a folder cannot be moved."""
    with _one_at_a_time(home):
        return [_delete(home, deletion) for deletion in deletions]


def restore(home: Home, trashed: Trashed) -> None:
    """Put a thing back. Raises RequestError if something of its name exists again."""
    with _one_at_a_time(home):
        place = trash_folder(home) / trashed.id
        if trashed.deletion.model:
            from tasks.tracking.trash.marks import unmark  # imports MLflow

            unmark(home, trashed.deletion)
        else:
            _move_back(place / CONTENT, Path(trashed.deletion.folder))
            _restore_latest(trashed)
        shutil.rmtree(place)


def forget(home: Home, trashed: Trashed) -> None:
    """Remove a thing for good. A version that became champion meanwhile is kept, and taken out of the trash."""
    with _one_at_a_time(home):
        if trashed.deletion.model:
            from tasks.tracking.trash.marks import remove  # imports MLflow

            remove(home, trashed.deletion)
        shutil.rmtree(trash_folder(home) / trashed.id)


def _delete(home: Home, deletion: Deletion) -> Trashed:
    now = datetime.now(UTC)
    trashed = Trashed(id=_new_id(home, deletion, now), deletion=deletion, at=now, latest=_latest_change(deletion))
    place = trash_folder(home) / trashed.id
    place.mkdir(parents=True)
    # The note comes first: a process that is killed in between leaves nothing that undo does not know of.
    write_atomically(place / NOTE, trashed.model_dump_json(indent=1))
    try:
        if deletion.model:
            from tasks.tracking.trash.marks import mark  # imports MLflow

            mark(home, deletion, now)
        else:
            shutil.move(deletion.folder, place / CONTENT)
    except OSError as error:
        shutil.rmtree(place)
        raise RequestError(f"{deletion.folder} cannot be moved to the trash: {error}") from error
    except Exception:
        shutil.rmtree(place)
        raise
    if trashed.latest:
        _write_latest(Path(deletion.folder).parent, trashed.latest.after)
    return trashed


def _new_id(home: Home, deletion: Deletion, now: datetime) -> str:
    number = sum(1 for _ in trash_folder(home).glob(f"{now:%Y%m%d-%H%M%S}-*"))
    slug = re.sub(r"[^\w-]+", "-", deletion.name).strip("-")[:60]
    return f"{now:%Y%m%d-%H%M%S}-{number}-{slug}"


def _latest_change(deletion: Deletion) -> LatestChange | None:
    """Return how LATEST changes when this version goes; None if it names another version or all versions go."""
    folder = Path(deletion.folder)
    if deletion.kind != "dataset" or "@" not in deletion.name or read_latest(str(folder.parent)) != folder.name:
        return None
    others = [folder.parent / one for one in versions(str(folder.parent)) if one != folder.name]
    newest = max(others, key=lambda path: path.stat().st_mtime, default=None)
    return LatestChange(before=folder.name, after=newest.name if newest else "")


def _write_latest(folder: Path, version: str) -> None:
    if version:
        write_atomically(folder / LATEST, f"{version}\n")
    else:
        (folder / LATEST).unlink(missing_ok=True)


def _restore_latest(trashed: Trashed) -> None:
    folder = Path(trashed.deletion.folder).parent
    if trashed.latest and read_latest(str(folder)) == trashed.latest.after:  # else a newer version was built meanwhile
        _write_latest(folder, trashed.latest.before)


def _move_back(content: Path, target: Path) -> None:
    if not content.exists():
        return  # a deletion that was killed before it moved anything
    if target.exists():
        raise RequestError(f"{target} exists again: move or delete it first, then undo")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(content, target)


@contextmanager
def _one_at_a_time(home: Home) -> Iterator[None]:
    trash_folder(home).mkdir(parents=True, exist_ok=True)
    with FileLock(trash_folder(home) / ".lock"):
        yield
