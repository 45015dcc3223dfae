"""The WebDataset layout: members of an archive that share a key are one sample, wherever they lie in the archive.

`s0.input.png` and `s0.outputs.txt` have the key `s0` and the endings `input.png` and `outputs.txt`. The members are
kept in a temporary SQLite file, so that an archive of any length is joined in bounded memory.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import NamedTuple

from shards.errors import SourceError
from shards.sources.entries import Entry, Notes, Place, folder_at, looks_like_image, name_some

_SIDECARS = frozenset({"cls", "json", "txt", "caption"})
_MOST_LABEL_BYTES, _MOST_JSON_BYTES = 256, 2**16
_BATCH = 4096
_TABLES = """
CREATE TABLE members(
    number INTEGER PRIMARY KEY, key TEXT, ending TEXT, image INTEGER, name TEXT, size INTEGER, stamp TEXT, place TEXT);
CREATE TABLE labels(key TEXT PRIMARY KEY, ending TEXT, label TEXT, other TEXT) WITHOUT ROWID;
"""


class Member(NamedTuple):
    """One file in an archive; `content` is read only where the file may hold a label."""

    name: str
    size: int
    stamp: str
    place: Place
    content: bytes


class LabelMember(NamedTuple):
    """Which member of a sample holds its class: the end of its name, and for JSON the key of the value."""

    ending: str = "cls"
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> "LabelMember":
        """Read `cls`, `outputs.txt` or `json:KEY`."""
        ending, _, key = text.partition(":")
        return cls(ending, key)

    @property
    def most_bytes(self) -> int:
        """Return the size of the largest member that is read, in bytes."""
        return _MOST_JSON_BYTES if self.key else _MOST_LABEL_BYTES

    def matches(self, name: str) -> bool:
        """Say whether this member holds the class of its sample."""
        ending = _split(name)[1]
        return ending == self.ending or ending.endswith(f".{self.ending}")

    def label(self, content: bytes) -> str | None:
        """Return the class that a member holds; None where it holds none."""
        text = content.decode("utf-8", "replace").strip()
        if not self.key:
            return text or None
        try:
            value = json.loads(text)[self.key]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return str(value) if isinstance(value, str | int) and value != "" else None


def join_samples(
    members: Iterable[Member], where: LabelMember, *, by_folder: bool, prefix: str, notes: Notes, uri: str
) -> Iterator[Entry]:
    """Yield an entry for every member but labels and their sidecars, each with the class of its sample.

    An archive without label members gives its folders as classes. Raises SourceError where a sample has two different
    labels, and where no member is the label member that was asked for.
    """
    with closing(sqlite3.connect("", check_same_thread=False, isolation_level=None)) as db:
        db.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_TABLES}")
        _store(db, members, where)
        labelled = db.execute("SELECT 1 FROM labels LIMIT 1").fetchone() is not None
        if labelled:
            _refuse_two_labels(db, uri)
        elif by_folder:
            _explain_missing_labels(db, where, notes, uri)
        depth = prefix.count("/") if by_folder and not labelled else None
        query = (
            "SELECT members.ending, name, size, stamp, place, label, labels.key IS NOT NULL "
            "FROM members LEFT JOIN labels USING (key) ORDER BY number"
        )
        for ending, name, size, stamp, place, label, has_label in db.execute(query):
            if has_label and (where.matches(name) or ending.rpartition(".")[2] in _SIDECARS):
                continue
            source = prefix + name
            if depth is not None:
                label = folder_at(source, depth)
            yield Entry(source, label if by_folder else None, size, stamp, json.loads(place), depth)


def _store(db: sqlite3.Connection, members: Iterable[Member], where: LabelMember) -> None:
    remaining = iter(members)
    while batch := list(islice(remaining, _BATCH)):
        db.execute("BEGIN")
        db.executemany(
            "INSERT INTO members(key, ending, image, name, size, stamp, place) VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((*_split(one.name), looks_like_image(one.name), *one[:3], json.dumps(one.place)) for one in batch),
        )
        db.executemany(
            "INSERT INTO labels(key, ending, label) VALUES (?, ?, ?) ON CONFLICT(key) "
            "DO UPDATE SET other = excluded.ending WHERE ending != excluded.ending AND label != excluded.label",
            ((*_split(one.name), where.label(one.content)) for one in batch if where.matches(one.name)),
        )
        db.execute("COMMIT")


def _refuse_two_labels(db: sqlite3.Connection, uri: str) -> None:
    clash = db.execute("SELECT key, ending, other FROM labels WHERE other IS NOT NULL LIMIT 1").fetchone()
    if clash:
        key, one, other = clash
        raise SourceError(
            f"the sample {key!r} in {uri!r} has two different labels, in {one!r} and in {other!r}. "
            f"Choose one of them, for example with label_member={one}."
        )


def _explain_missing_labels(db: sqlite3.Connection, where: LabelMember, notes: Notes, uri: str) -> None:
    if where != LabelMember():
        endings = [ending for (ending,) in db.execute("SELECT DISTINCT ending FROM members LIMIT 20")]
        if endings:
            raise SourceError(
                f"no file in {uri!r} ends with {'.' + where.ending!r}, as label_member asks. "
                f"The endings in it are {name_some(endings)}."
            )
        return
    if db.execute("SELECT 1 FROM members WHERE NOT image LIMIT 1").fetchone() is None:
        return
    if db.execute("SELECT 1 FROM members WHERE name = 'dataset.json'").fetchone():
        notes.always.append(
            "The archive has a dataset.json, which is read only in folders. To use its labels, unpack the archive."
        )
    db.execute("CREATE INDEX members_by_key ON members(key)")
    query = (
        "SELECT DISTINCT ending FROM members AS beside WHERE NOT image "
        "AND EXISTS (SELECT 1 FROM members WHERE key = beside.key AND image) LIMIT 20"
    )
    beside = [ending for (ending,) in db.execute(query)]
    if beside:
        notes.if_unlabelled.append(
            f"Beside the images in the archive lie files that end with {name_some(beside)}. They are not read as "
            f"labels. If one of them holds the class, choose it: label_member={beside[0]}"
            + (" or, for a key of a JSON file, label_member=json:KEY." if "json" in beside else ".")
        )


def _split(name: str) -> tuple[str, str]:
    """Return a sample's key, which is the name up to the first dot of its last part, and the ending after that dot."""
    folder, slash, base = name.rpartition("/")
    stem, _, ending = base.partition(".")
    return folder + slash + stem, ending
