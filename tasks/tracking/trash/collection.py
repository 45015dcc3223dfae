"""`shardgan gc`: what can go without a loss. The trash after a day, caches and log files that nobody used for long."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.home import Home
from tasks.tracking.inventory.files import folder_bytes
from tasks.tracking.inventory.records import Record
from tasks.tracking.trash.trash import Trashed, forget, list_trash, trash_folder

UNUSED = timedelta(days=30)


class Waste(Record):
    """One thing that gc removes: something in the trash, or a file."""

    what: str
    why: str
    bytes: int
    trashed: Trashed | None = None
    path: str = ""


def find_waste(home: Home, everything: bool = False) -> list[Waste]:
    """Return what can go. `everything` includes what was deleted less than a day ago."""
    return [*_old_trash(home, everything), *_unused_files(home)]


def collect(home: Home, waste: list[Waste]) -> None:
    """Remove it for good."""
    for one in waste:
        if one.trashed:
            forget(home, one.trashed)
        elif (path := Path(one.path)).is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _old_trash(home: Home, everything: bool) -> Iterator[Waste]:
    now = datetime.now(UTC)
    for one in list_trash(home):
        if everything or one.is_old(now):
            yield Waste(
                what=f"{one.deletion.kind} {one.name}",
                why=f"deleted {one.at:%Y-%m-%d %H:%M} UTC",
                bytes=one.deletion.bytes if one.deletion.model else folder_bytes(trash_folder(home) / one.id),
                trashed=one,
            )


def _unused_files(home: Home) -> Iterator[Waste]:
    limit = (datetime.now(UTC) - UNUSED).timestamp()
    for folder, what in ((home.features, "cached features"), (home.root / "logs", "log")):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            used = path.stat()
            if max(used.st_mtime, used.st_atime) < limit:
                size = folder_bytes(path) if path.is_dir() else used.st_size
                yield Waste(what=f"{what} {path.name}", why="not used for 30 days", bytes=size, path=str(path))
