"""The ledger of a build: an SQLite file that knows every source file and where its samples lie.

It keeps memory use constant and lets a build resume, grow and recognise unchanged input. SQLite does the sorting, the
joining and the search for duplicates. The outcome of a file depends only on its bytes, so contents are stored by
`source_sha256`.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

from shards.building import schema
from shards.building.packed_facts import PackedFacts
from shards.building.schema import Claim, Content, Refusal
from shards.building.screening import SUSPICIONS, Suspect
from shards.decoding.partition import PASSING, Row
from shards.images import likeness
from shards.images.containers import marks
from shards.sources.entries import Entry, folder_at, looks_like_image

MARKED_CLASS, UNMARKED_CLASS = "generated", "unmarked"
_PAGE = 4096
_SAME = "files.source = listing.source AND files.size = listing.size AND files.stamp = listing.stamp"
_KNOWN = f"listing JOIN files ON {_SAME}"
# Refusals for these reasons are tried again when the input has changed.
_PASSING = (*PASSING, "no_label", *(f"suspect_{name}" for name in SUSPICIONS))


class Ledger:
    """Opens the ledger of one build. Only one process at a time may do so; the lock of the build ensures it."""

    def __init__(self, path: Path) -> None:
        self._db = schema.open_database(path)
        self._db.create_function("folder_at", 2, folder_at, deterministic=True)
        self._db.create_function("looks_like_image", 1, looks_like_image, deterministic=True)
        self._facts = PackedFacts(self._db)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes in the block or none; raises sqlite3.Error when the disk fails."""
        self._db.execute("BEGIN")
        try:
            yield
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def replace_listing(self, entries: Iterable[Entry]) -> None:
        """Store what the source contains now; a name that is listed twice counts once."""
        with self.transaction():
            self._db.execute("DROP TABLE listing")  # an older release made it with fewer columns
            self._db.execute(schema.LISTING)
            rows = ((*e[:4], json.dumps(e.place), e.depth, number) for number, e in enumerate(entries))
            self._db.executemany("INSERT OR IGNORE INTO listing VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def listing_digest(self) -> str:
        """Return a hash over names, classes, sizes and times; equal digests mean unchanged input."""
        digest = sha256()
        for row in self._db.execute("SELECT source, label, size, stamp FROM listing ORDER BY source"):
            digest.update(repr(row).encode())
        return digest.hexdigest()

    def num_listed(self) -> int:
        """Return the number of files in the source."""
        return int(self._db.execute("SELECT count(*) FROM listing").fetchone()[0])

    def labels(self) -> list[str]:
        """Return the names of the classes, sorted; empty when the source has none."""
        rows = self._db.execute("SELECT DISTINCT label FROM listing WHERE label IS NOT NULL ORDER BY label")
        names = [label for (label,) in rows]
        return sorted(names, key=int) if all(name.isascii() and name.isdigit() for name in names) else names

    def strip_common_folder(self) -> bool:
        """Make the next level of folders the classes if all images lie in one folder; return whether that was done."""
        stops = (
            "label IS NOT NULL AND depth IS NULL",  # this label is not a folder
            "label IS NULL AND looks_like_image(source)",  # this image lies beside the folder
        )
        if len(self.labels()) != 1 or any(self._any_listed(condition) for condition in stops):
            return False
        if not self._any_listed("label IS NOT NULL AND folder_at(source, depth + 1) IS NOT NULL"):
            return False
        with self.transaction():
            self._db.execute(
                "UPDATE listing SET label = folder_at(source, depth + 1), depth = depth + 1 WHERE label IS NOT NULL"
            )
        return True

    def labels_are_folders(self) -> bool:
        """Say whether the classes are names of folders."""
        return self._any_listed("label IS NOT NULL AND depth IS NOT NULL")

    def has_loose_images(self) -> bool:
        """Say whether any file without a class has the name of an image."""
        return self._any_listed("label IS NULL AND looks_like_image(source)")

    def forget_labels(self) -> None:
        """Treat all files as unlabelled."""
        with self.transaction():
            self._db.execute("UPDATE listing SET label = NULL")

    def refuse_unlabelled(self) -> None:
        """Refuse the files that have no class, without reading them."""
        with self.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO files SELECT source, size, stamp, NULL, 'no_label', "
                "'the file has no class, but others have one: it lies beside the class folders, or nothing names its "
                "class' FROM listing WHERE label IS NULL"
            )

    def filled_labels(self) -> list[str]:
        """Return the classes, in the order of `labels()`, of which at least one file becomes a sample."""
        labels = self.labels()
        missing = set(labels)
        for claim in self.claims():
            if not missing:
                break
            label = claim.sources[0][1]
            if label in missing and self.contents(claim.source_sha256):
                missing.discard(label)
        return [label for label in labels if label not in missing]

    def fates(self, label: str) -> dict[str, int]:
        """Return the reasons for which files of a class were refused, with their numbers; others are duplicates."""
        query = f"SELECT coalesce(reason, 'duplicate'), count(*) FROM {_KNOWN} WHERE label = ? GROUP BY 1 ORDER BY 1"
        return dict(self._db.execute(query, (label,)).fetchall())

    def refuse_suspects(self, suspects: Iterable[Suspect]) -> None:
        """Refuse the files that have these contents, even if they could be decoded."""
        with self.transaction():
            self._db.execute("CREATE TEMP TABLE suspects(digest BLOB PRIMARY KEY, reason TEXT, message TEXT)")
            rows = ((one.source_sha256, one.reason, one.message) for one in suspects)
            self._db.executemany("INSERT OR REPLACE INTO temp.suspects VALUES (?, ?, ?)", rows)
            self._db.execute(
                "UPDATE files SET (reason, message) = (SELECT s.reason, s.message FROM temp.suspects AS s "
                "WHERE s.digest = files.source_sha256) "
                "WHERE files.reason IS NULL AND source_sha256 IN (SELECT digest FROM temp.suspects)"
            )
            self._db.execute("DROP TABLE temp.suspects")

    def num_marked(self) -> int:
        """Return the number of files that say that they were generated, whatever became of them."""
        query = f"SELECT count(*) FROM {_KNOWN} WHERE source_sha256 IN (SELECT source_sha256 FROM marks)"
        return int(self._db.execute(query).fetchone()[0])

    def label_marked(self) -> None:
        """Give the files that say that they were generated a class of their own.

        Where no file has a class, the others get one too.
        """
        if not self.num_marked():
            return
        with self.transaction():
            if not self.labels():
                self._db.execute("UPDATE listing SET label = ?", (UNMARKED_CLASS,))
            self._db.execute(
                f"UPDATE listing SET label = ? WHERE source IN (SELECT listing.source FROM {_KNOWN} "
                "WHERE source_sha256 IN (SELECT source_sha256 FROM marks))",
                (MARKED_CLASS,),
            )

    def forget_passing_refusals(self) -> None:
        """Forget refusals that were due to the machine or to other files, so that these files are tried again."""
        with self.transaction():
            marks = ",".join("?" * len(_PASSING))
            self._db.execute(f"DELETE FROM files WHERE reason IN ({marks})", _PASSING)

    def fresh(self) -> tuple[int, Iterator[Entry]]:
        """Return the number of files that must be read, and these files in the order of the source."""
        self._db.execute("DROP TABLE IF EXISTS temp.fresh")
        self._db.execute(
            f"CREATE TEMP TABLE fresh AS SELECT listing.* FROM listing LEFT JOIN files ON {_SAME} "
            "WHERE files.source IS NULL ORDER BY ordinal"
        )
        count = int(self._db.execute("SELECT count(*) FROM temp.fresh").fetchone()[0])
        rows = self._pages("SELECT rowid, source, label, size, stamp, place FROM temp.fresh")
        return count, (Entry._make((*row[1:5], json.loads(row[5]), None)) for row in rows)

    def begin_arrivals(self) -> None:
        """Forget the samples of parts that were never assembled; these parts will be added again."""
        with self.transaction():
            self._db.execute("DELETE FROM arrivals")

    def add_part(self, name: str, rows: Iterable[Row]) -> None:
        """Store the rows of a part file.

        The samples first go into a table without an order. Inserted at once in their place among millions, each would
        change another page of the file, and the log of these changes would become larger than the samples.
        """
        with self.transaction():
            for row in rows:
                digest = bytes.fromhex(row["source_sha256"]) if "source_sha256" in row else None
                file = (
                    row["source"],
                    row["size"],
                    row["stamp"],
                    digest,
                    row.get("reason"),
                    row.get("message"),
                )
                self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", file)
                if row.get("reason") == marks.REFUSED or row.get("facts", {}).get("marked") in marks.GENERATED:
                    self._db.execute("INSERT OR IGNORE INTO marks VALUES (?)", (digest,))
                for sample in row.get("samples", ()):
                    facts = {"source_bytes": row["source_bytes"], **row["facts"], **sample}
                    place = (facts.pop("frame"), name, facts.pop("offset"), facts.pop("bytes"))
                    content = (digest, *place, self._facts.pack(facts))
                    self._db.execute("INSERT INTO arrivals VALUES (?, ?, ?, ?, ?, ?)", content)

    def find_duplicates(self, duplicates: str, near_distance: int) -> None:
        """Find files with the same content, and drop the contents that look like another one, as `duplicates` asks."""
        with self.transaction():
            self._db.execute("INSERT OR REPLACE INTO contents SELECT * FROM arrivals ORDER BY source_sha256, frame")
            self._db.execute("DELETE FROM arrivals")
        self._db.execute("DROP TABLE IF EXISTS temp.claims")
        self._db.execute(
            "CREATE TEMP TABLE claims AS SELECT files.source_sha256 AS digest, listing.source, label "
            f"FROM {_KNOWN} WHERE reason IS NULL ORDER BY files.source_sha256, listing.source"
        )
        self._db.execute("CREATE INDEX temp.claims_by_digest ON claims(digest)")
        with self.transaction():
            likeness.drop_lookalikes(self._db, duplicates, near_distance)

    def claims(self) -> Iterator[Claim]:
        """Yield every content of the listing in the order of its hash, with the files that have it."""
        rows = self._pages("SELECT rowid, digest, source, label FROM temp.claims")
        for digest, same in groupby(rows, key=lambda row: row[1]):
            yield Claim(digest, [(source, label) for *_, source, label in same])

    def contents(self, source_sha256: bytes) -> list[Content]:
        """Return the samples of one content that are not dropped, in the order of their frames."""
        rows = self._db.execute(
            "SELECT frame, file, offset, bytes, facts FROM contents LEFT JOIN temp.dropped USING "
            "(source_sha256, frame) "
            "WHERE source_sha256 = ? AND dropped.reason IS NULL ORDER BY frame",
            (source_sha256,),
        )
        return [Content._make((*row[:4], self._facts.unpack(row[4]))) for row in rows]

    def stand_in(self, source_sha256: bytes) -> tuple[str, bytes, str]:
        """Return why a content was dropped as a look-alike, and the content and the file that were kept instead."""
        query = "SELECT reason, kept FROM temp.dropped WHERE source_sha256 = ? ORDER BY frame"
        reason, kept = self._db.execute(query, (source_sha256,)).fetchone()
        while not self.contents(kept):
            kept = self._db.execute(query, (kept,)).fetchone()[1]
        (source,) = self._db.execute("SELECT min(source) FROM temp.claims WHERE digest = ?", (kept,)).fetchone()
        return reason, kept, source

    def refusals(self) -> Iterator[Refusal]:
        """Yield the refused files of the listing in sorted order."""
        query = f"SELECT listing.source, reason, message, listing.size, source_sha256 FROM {_KNOWN}"
        rows = self._db.execute(f"{query} WHERE reason IS NOT NULL ORDER BY listing.source")
        return (Refusal(*row) for row in rows)

    def begin_placing(self) -> None:
        """Forget the places of an assembly that was not finished."""
        self._db.execute("DELETE FROM placed")

    def place(self, rows: Iterable[tuple[bytes, Content]]) -> None:
        """Store where samples lie in the shards of the new version."""
        with self.transaction():
            values = [(digest, *content[:4], self._facts.pack(content.facts)) for digest, content in rows]
            self._db.executemany("INSERT INTO placed VALUES (?, ?, ?, ?, ?, ?)", values)

    def finish(self, version: str, digest: str) -> None:
        """Make the shards of the new version the place of all samples, and store the digest of its listing."""
        with self.transaction():
            self._db.execute("DROP TABLE contents")
            self._db.execute("ALTER TABLE placed RENAME TO contents")
            self._db.execute(schema.SAMPLES.format("placed"))
            self._db.execute("DELETE FROM files WHERE source NOT IN (SELECT source FROM listing)")
            self._forget_files_without_content()
            lost = self._db.execute("SELECT count(*) FROM files WHERE reason = 'unreadable'").fetchone()[0]
            # Files that could not be read are tried again, so such a listing must never count as unchanged.
            facts = [("version", version), ("listing", "" if lost else digest)]
            self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts)

    def last(self) -> tuple[str | None, str | None]:
        """Return the version that was made last and the digest of its listing."""
        known = dict(self._db.execute("SELECT name, value FROM facts").fetchall())
        return known.get("version"), known.get("listing")

    def forget_parts(self) -> None:
        """Forget the samples that lie only in part files, because the part files are about to be removed."""
        with self.transaction():
            self._db.execute("DELETE FROM arrivals")
            self._db.execute("DELETE FROM contents WHERE file LIKE '%.part'")
            self._forget_files_without_content()

    def forget_contents(self) -> None:
        """Forget everything, because the version that has the samples was removed."""
        with self.transaction():
            for table in ("files", "contents", "arrivals", "placed", "facts"):
                self._db.execute(f"DELETE FROM {table}")

    def _any_listed(self, condition: str) -> bool:
        return self._db.execute(f"SELECT 1 FROM listing WHERE {condition} LIMIT 1").fetchone() is not None

    def _forget_files_without_content(self) -> None:
        # In the order of the hashes, the contents are read once from start to end. In the order of the names, each file
        # would need another page of them.
        self._db.execute("DROP TABLE IF EXISTS temp.good")
        self._db.execute(
            "CREATE TEMP TABLE good AS SELECT source_sha256, source FROM files WHERE reason IS NULL "
            "ORDER BY source_sha256"
        )
        self._db.execute(
            "DELETE FROM files WHERE source IN (SELECT good.source FROM temp.good LEFT JOIN contents "
            "USING (source_sha256) WHERE contents.source_sha256 IS NULL)"
        )
        self._db.execute("DROP TABLE temp.good")

    def _pages(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a temporary table by rowid, page by page.

        A statement that stays open while others write would stop SQLite from ever shortening the write-ahead log.
        """
        last = 0
        while rows := self._db.execute(f"{query} WHERE rowid > ? ORDER BY rowid LIMIT {_PAGE}", (last,)).fetchall():
            yield from rows
            last = rows[-1][0]
