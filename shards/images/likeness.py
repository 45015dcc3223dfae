"""Finds images that look the same: equal stored pixels, or perceptual hashes that differ in few bits.

The largest of them is kept. Similar hashes are found through bands: when two hashes differ in at most d bits, at least
one of d + 1 bands is equal in both.
"""

import sqlite3
from itertools import groupby, pairwise

_BITS = 64
_LOOKS = """
SELECT source_sha256, frame, json_extract(facts, '$.{fact}') AS look FROM contents
LEFT JOIN temp.dropped USING (source_sha256, frame)
WHERE source_sha256 IN (SELECT digest FROM temp.claims) AND dropped.reason IS NULL AND look IS NOT NULL
ORDER BY {first} json_extract(facts, '$.width') * json_extract(facts, '$.height') DESC, source_sha256, frame
"""


def drop_lookalikes(db: sqlite3.Connection, duplicates: str, near_distance: int) -> None:
    """Fill temp.dropped with the samples that duplicate others. `duplicates` is the setting of that name."""
    db.execute("DROP TABLE IF EXISTS temp.dropped")
    db.execute(
        "CREATE TEMP TABLE dropped(source_sha256 BLOB, frame INTEGER, kept BLOB, reason TEXT, "
        "PRIMARY KEY(source_sha256, frame)) WITHOUT ROWID"
    )
    if duplicates in ("pixels", "near"):
        _drop_equal(db)
    if duplicates == "near":
        _drop_near(db, near_distance)


def _drop_equal(db: sqlite3.Connection) -> None:
    # SQLite sorts all rows before it returns the first, so the table may be written while it is read.
    rows = db.execute(_LOOKS.format(fact="pixel_sha256", first="look,"))
    for _, same in groupby(rows, key=lambda row: row[2]):
        kept, _, _ = next(same)
        for digest, frame, _ in same:  # noqa: B031  continues after the first
            _drop(db, digest, frame, kept, "same_pixels")


def _drop_near(db: sqlite3.Connection, distance: int) -> None:
    db.execute("DROP TABLE IF EXISTS temp.bands")
    db.execute(
        "CREATE TEMP TABLE bands(band INTEGER, value INTEGER, look TEXT, kept BLOB, "
        "PRIMARY KEY(band, value, look)) WITHOUT ROWID"
    )
    for digest, frame, look in db.execute(_LOOKS.format(fact="perceptual_hash", first="")):
        bands = _bands(int(look, 16), distance + 1)
        kept = _nearest(db, bands, int(look, 16), distance)
        if kept is not None:
            _drop(db, digest, frame, kept, "looks_the_same")
            continue
        rows = [(band, _signed(value), look, digest) for band, value in enumerate(bands)]
        db.executemany("INSERT OR IGNORE INTO temp.bands VALUES (?, ?, ?, ?)", rows)


def _drop(db: sqlite3.Connection, digest: bytes, frame: int, kept: bytes, reason: str) -> None:
    db.execute("INSERT INTO temp.dropped VALUES (?, ?, ?, ?)", (digest, frame, kept, reason))


def _bands(look: int, count: int) -> list[int]:
    edges = [_BITS * index // count for index in range(count + 1)]
    return [look >> low & (1 << high - low) - 1 for low, high in pairwise(edges)]


def _nearest(db: sqlite3.Connection, bands: list[int], look: int, distance: int) -> bytes | None:
    """Return the nearest content that is kept so far, or None when none is within the distance."""
    best: tuple[int, str, bytes] | None = None
    for band, value in enumerate(bands):
        query = "SELECT look, kept FROM temp.bands WHERE band = ? AND value = ?"
        for other, kept in db.execute(query, (band, _signed(value))):
            candidate = ((int(other, 16) ^ look).bit_count(), other, kept)
            best = candidate if best is None else min(best, candidate)
    return best[2] if best is not None and best[0] <= distance else None


def _signed(value: int) -> int:
    return value - (1 << _BITS) if value >> (_BITS - 1) else value  # SQLite's integers are signed
