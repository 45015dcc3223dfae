"""The ledger on its own: listings, parts, claims, refusals and what it forgets, on a real SQLite file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shards.building.ledger import Ledger
from shards.building.screening import Suspect
from shards.sources.entries import Entry

Row = dict[str, object]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    yield ledger
    ledger.close()


def entry(source: str, label: str | None = None, *, size: int = 1, stamp: str = "t", depth: int | None = None) -> Entry:
    return Entry(source, label, size, stamp, ("file", f"/{source}"), depth)


def digest(number: int) -> bytes:
    return bytes([number]) * 32


def good(source: str, number: int, *, frames: int = 1, size: int = 1) -> Row:
    samples = [
        {"frame": frame, "offset": 100 * frame, "bytes": 7, "sha256": "ab", "pixel_sha256": f"{number}-{frame}"}
        for frame in range(frames)
    ]
    facts = {"format": "JPEG", "jpeg_tables": f"table {number % 2}"}
    known = {"source": source, "size": size, "stamp": "t"}
    return {**known, "source_sha256": digest(number).hex(), "source_bytes": 9, "facts": facts, "samples": samples}


def bad(source: str, reason: str, number: int | None = None) -> Row:
    row: Row = {"source": source, "size": 1, "stamp": "t", "reason": reason, "message": f"{reason}!"}
    return row | ({"source_sha256": digest(number).hex(), "source_bytes": 9} if number is not None else {})


def claims(ledger: Ledger) -> list[tuple[bytes, list[tuple[str, str | None]]]]:
    ledger.find_duplicates("bytes", 0)
    return [(claim.source_sha256, claim.sources) for claim in ledger.claims()]


def fresh(ledger: Ledger) -> list[str]:
    count, entries = ledger.fresh()
    found = [entry.source for entry in entries]
    assert len(found) == count
    return found


def test_listing_keeps_the_first_of_two_equal_names(ledger: Ledger) -> None:
    ledger.replace_listing([entry("b", "x"), entry("a", "y"), entry("b", "z")])
    assert ledger.num_listed() == 2
    assert ledger.labels() == ["x", "y"]
    assert fresh(ledger) == ["b", "a"]
    ledger.replace_listing([entry("c")])
    assert (ledger.num_listed(), ledger.labels()) == (1, [])


def test_fresh_entries_come_back_whole(ledger: Ledger) -> None:
    ledger.replace_listing([entry("a/b", "a", size=5, depth=0)])
    _, entries = ledger.fresh()
    assert [one[:4] for one in entries] == [("a/b", "a", 5, "t")]


@pytest.mark.parametrize(
    ("names", "expected"),
    [({"10", "9", "1"}, ["1", "9", "10"]), ({"b", "a", "10"}, ["10", "a", "b"]), ({"²", "1"}, ["1", "²"])],
)
def test_numbers_are_sorted_as_numbers(names: set[str], expected: list[str], ledger: Ledger) -> None:
    backwards = sorted(names, reverse=True)
    ledger.replace_listing(entry(f"{number}.png", name) for number, name in enumerate([*backwards, *backwards]))
    assert ledger.labels() == expected


def test_digest_tells_every_change(ledger: Ledger) -> None:
    listings = [
        [entry("a", "x"), entry("b", "y")],
        [entry("a", "y"), entry("b", "y")],
        [entry("a", "x", size=2), entry("b", "y")],
        [entry("a", "x", stamp="u"), entry("b", "y")],
        [entry("a", "x"), entry("c", "y")],
    ]
    digests = set()
    for listing in listings:
        ledger.replace_listing(listing)
        digests.add(ledger.listing_digest())
    assert len(digests) == len(listings)
    ledger.replace_listing(reversed(listings[0]))
    assert ledger.listing_digest() in digests


@pytest.mark.parametrize("change", [{"size": 2}, {"stamp": "u"}])
def test_only_files_that_are_new_or_changed_are_fresh(change: dict[str, object], ledger: Ledger) -> None:
    ledger.replace_listing([entry("a"), entry("b")])
    ledger.add_part("p.part", [good("a", 1), bad("b", "truncated")])
    assert fresh(ledger) == []
    ledger.replace_listing([entry("c"), entry("b"), entry("a", **change)])  # type: ignore[arg-type]
    assert fresh(ledger) == ["c", "a"]


def test_claims_name_all_files_of_a_content_in_order(ledger: Ledger) -> None:
    ledger.replace_listing([entry("z", "x"), entry("a", "y"), entry("m", "x"), entry("bad", "x")])
    ledger.add_part("p.part", [good("z", 1), good("a", 2), good("m", 2), bad("bad", "truncated")])
    assert claims(ledger) == [(digest(1), [("z", "x")]), (digest(2), [("a", "y"), ("m", "x")])]
    ledger.replace_listing([entry("m", "x")])
    assert claims(ledger) == [(digest(2), [("m", "x")])]


def test_contents_come_back_frame_by_frame_with_their_facts(ledger: Ledger) -> None:
    ledger.replace_listing([entry("a")])
    ledger.begin_arrivals()
    ledger.add_part("p.part", [good("a", 3, frames=3)])
    ledger.find_duplicates("bytes", 0)
    contents = ledger.contents(digest(3))
    assert [(one.frame, one.file, one.offset, one.bytes) for one in contents] == [
        (frame, "p.part", 100 * frame, 7) for frame in range(3)
    ]
    facts = {"source_bytes": 9, "format": "JPEG", "jpeg_tables": "table 1", "sha256": "ab", "pixel_sha256": "3-1"}
    assert contents[1].facts == facts
    assert ledger.contents(digest(4)) == []


def test_quantisation_tables_come_back_after_reopening(tmp_path: Path) -> None:
    plain = good("c", 3)
    plain["facts"] = {"format": "PNG", "jpeg_tables": None}
    for row in (good("a", 1), good("b", 2), plain, good("d", 5)):
        ledger = Ledger(tmp_path / "ledger.sqlite")
        ledger.add_part("p.part", [row])
        ledger.find_duplicates("bytes", 0)
        ledger.close()
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.find_duplicates("bytes", 0)
    tables = [ledger.contents(digest(number))[0].facts["jpeg_tables"] for number in (1, 2, 3, 5)]
    ledger.close()
    assert tables == ["table 1", "table 0", None, "table 1"]


def test_newest_row_of_a_file_and_newest_place_of_a_content_count(ledger: Ledger) -> None:
    ledger.replace_listing([entry("a", size=2)])
    ledger.add_part("p.part", [good("a", 1)])
    ledger.find_duplicates("bytes", 0)
    assert fresh(ledger) == ["a"]
    ledger.add_part("q.part", [good("a", 1, size=2)])
    ledger.find_duplicates("bytes", 0)
    assert fresh(ledger) == []
    assert [one.file for one in ledger.contents(digest(1))] == ["q.part"]


def test_parts_that_were_never_assembled_are_forgotten(ledger: Ledger) -> None:
    ledger.replace_listing([entry("a")])
    ledger.add_part("old.part", [good("a", 1)])
    ledger.begin_arrivals()
    ledger.add_part("new.part", [good("a", 1)])
    ledger.find_duplicates("bytes", 0)
    assert [one.file for one in ledger.contents(digest(1))] == ["new.part"]


def test_same_pixels_are_stood_in_for(ledger: Ledger) -> None:
    ledger.replace_listing(map(entry, "abcdz"))
    twins = [good("a", 1), good("b", 2), good("c", 3), good("d", 3), good("z", 1)]
    for row in (twins[0], twins[1], twins[4]):
        row["samples"][0]["pixel_sha256"] = "same"  # type: ignore[index]
    ledger.add_part("p.part", twins)
    ledger.find_duplicates("pixels", 0)
    assert [bool(ledger.contents(digest(number))) for number in (1, 2, 3)] == [True, False, True]
    assert ledger.stand_in(digest(2)) == ("same_pixels", digest(1), "a")


def test_stand_in_of_a_content_whose_stand_in_was_dropped_too(ledger: Ledger) -> None:
    """c has the pixels of b, and b looks like a: a stands for both."""
    ledger.replace_listing(map(entry, "abc"))
    rows = [good("a", 1), good("b", 2), good("c", 3)]
    for row, pixels, look in zip(rows, ("one", "two", "two"), ("0" * 16, "0" * 15 + "1", "0" * 15 + "1"), strict=True):
        row["samples"][0] |= {"pixel_sha256": pixels, "perceptual_hash": look}  # type: ignore[index]
    ledger.add_part("p.part", rows)
    ledger.find_duplicates("near", 4)
    assert [bool(ledger.contents(digest(number))) for number in (1, 2, 3)] == [True, False, False]
    assert ledger.stand_in(digest(2)) == ("looks_the_same", digest(1), "a")
    assert ledger.stand_in(digest(3)) == ("same_pixels", digest(1), "a")


def test_suspects_are_refused_unless_they_already_are(ledger: Ledger) -> None:
    ledger.replace_listing([entry("a"), entry("b"), entry("c")])
    ledger.add_part("p.part", [good("a", 1), good("b", 2), bad("c", "truncated", 3)])
    suspects = [Suspect(digest(number), "suspect_flood", f"why {number}") for number in (3, 2)]
    ledger.refuse_suspects([Suspect(digest(2), "suspect_forged", "overruled by the row below"), *suspects])
    found = [(one.source, one.reason, one.message, one.size, one.source_sha256) for one in ledger.refusals()]
    assert found == [
        ("b", "suspect_flood", "why 2", 1, digest(2)),
        ("c", "truncated", "truncated!", 1, digest(3)),
    ]
    ledger.refuse_suspects([])
    assert claims(ledger) == [(digest(1), [("a", None)])]


def test_refusals_are_sorted_and_of_the_listing_only(ledger: Ledger) -> None:
    ledger.replace_listing([entry("c"), entry("a"), entry("b")])
    ledger.add_part("p.part", [bad("c", "empty_file"), bad("a", "truncated"), good("b", 1), bad("gone", "truncated")])
    assert [one.source for one in ledger.refusals()] == ["a", "c"]


def test_refusals_that_may_pass_are_forgotten(ledger: Ledger) -> None:
    ledger.replace_listing(map(entry, "abcd"))
    reasons = {"a": "unreadable", "b": "no_label", "c": "suspect_forged", "d": "truncated"}
    ledger.add_part("p.part", [bad(name, reason) for name, reason in reasons.items()])
    ledger.forget_passing_refusals()
    assert fresh(ledger) == ["a", "b", "c"]


def test_files_without_a_class_are_refused(ledger: Ledger) -> None:
    ledger.replace_listing([entry("a", "x"), entry("b")])
    ledger.refuse_unlabelled()
    assert [(one.source, one.reason) for one in ledger.refusals()] == [("b", "no_label")]
    assert fresh(ledger) == ["a"]
    ledger.forget_passing_refusals()
    ledger.add_part("p.part", [good("b", 1)])
    ledger.refuse_unlabelled()
    assert [(one.source, one.reason) for one in ledger.refusals()] == [("b", "no_label")]


def listed(ledger: Ledger) -> dict[str, str | None]:
    return {entry.source: entry.label for entry in ledger.fresh()[1]}


def test_common_folder_is_stripped(ledger: Ledger) -> None:
    ledger.replace_listing([entry("z/t/a/1.png", "t", depth=1), entry("z/t/b/2.png", "t", depth=1), entry("README.md")])
    assert ledger.strip_common_folder()
    assert listed(ledger) == {"z/t/a/1.png": "a", "z/t/b/2.png": "b", "README.md": None}
    assert not ledger.strip_common_folder()


@pytest.mark.parametrize(
    "entries",
    [
        [entry("a/b/1.png", "a", depth=0), entry("c/2.png", "c", depth=0)],  # two classes
        [entry("a/b/1.png", "a")],  # the label is not a folder
        [entry("a/b/1.png", "a", depth=0), entry("2.PNG", depth=0)],  # an image beside the folder
        [entry("a/1.png", "a", depth=0)],  # nothing below
    ],
)
def test_other_folders_stay(entries: list[Entry], ledger: Ledger) -> None:
    ledger.replace_listing(entries)
    before = listed(ledger)
    assert not ledger.strip_common_folder()
    assert listed(ledger) == before


def test_what_is_said_about_labels(ledger: Ledger) -> None:
    ledger.replace_listing([entry("a/1.png", "a", depth=0), entry("2.txt", depth=0)])
    assert (ledger.labels_are_folders(), ledger.has_loose_images()) == (True, False)
    ledger.replace_listing([entry("a/1.png", "a"), entry("2.jpg", depth=0)])
    assert (ledger.labels_are_folders(), ledger.has_loose_images()) == (False, True)
    ledger.forget_labels()
    assert ledger.labels() == []


def test_filled_labels_and_the_fates_of_the_others(ledger: Ledger) -> None:
    names = {"1.png": "x", "2.png": "y", "3.png": "y", "4.png": "z", "5.png": "w"}
    ledger.replace_listing(entry(name, label) for name, label in names.items())
    rows = [good("1.png", 1), good("2.png", 1), bad("3.png", "truncated"), bad("4.png", "too_small"), good("5.png", 5)]
    ledger.add_part("p.part", rows)
    ledger.find_duplicates("bytes", 0)
    assert ledger.filled_labels() == ["w", "x"]
    assert ledger.fates("y") == {"duplicate": 1, "truncated": 1}
    assert ledger.fates("z") == {"too_small": 1}


def test_class_of_dropped_lookalikes_is_not_filled(ledger: Ledger) -> None:
    ledger.replace_listing([entry("a", "x"), entry("b", "y")])
    twins = [good("a", 1), good("b", 2)]
    for row in twins:
        row["samples"][0]["pixel_sha256"] = "same"  # type: ignore[index]
    ledger.add_part("p.part", twins)
    ledger.find_duplicates("pixels", 0)
    assert ledger.filled_labels() == ["x"]


def test_all_classes_are_filled_before_the_last_content(ledger: Ledger) -> None:
    ledger.replace_listing(entry(name, label) for name, label in zip("abcd", "xyxy", strict=True))
    ledger.add_part("p.part", [good(name, number) for number, name in enumerate("abcd")])
    ledger.find_duplicates("bytes", 0)
    assert ledger.filled_labels() == ["x", "y"]


def finished(ledger: Ledger, *rows: Row) -> None:
    """What a build does from the parts to the end."""
    ledger.begin_arrivals()
    ledger.add_part("p.part", rows)
    ledger.find_duplicates("bytes", 0)
    ledger.begin_placing()
    contents = [(claim.source_sha256, one) for claim in ledger.claims() for one in ledger.contents(claim.source_sha256)]
    ledger.place((digest, one._replace(file="train-0.tar", offset=512)) for digest, one in contents)
    ledger.finish("v1", "digest of v1")


def test_finished_version_is_where_samples_lie(ledger: Ledger) -> None:
    ledger.replace_listing(map(entry, "abg"))
    assert ledger.last() == (None, None)
    finished(ledger, good("a", 1), bad("b", "truncated"), good("gone", 9), good("g", 4))
    assert ledger.last() == ("v1", "digest of v1")
    assert [(one.file, one.offset) for one in ledger.contents(digest(1))] == [("train-0.tar", 512)]
    assert ledger.contents(digest(9)) == []
    ledger.replace_listing([entry("gone"), entry("a"), entry("b")])
    assert fresh(ledger) == ["gone"]
    ledger.begin_placing()
    ledger.finish("v2", "digest of v2")
    assert ledger.last() == ("v2", "digest of v2")


def test_placing_starts_anew(ledger: Ledger) -> None:
    ledger.replace_listing([entry("a")])
    ledger.add_part("p.part", [good("a", 1)])
    ledger.find_duplicates("bytes", 0)
    (content,) = ledger.contents(digest(1))
    ledger.place([(digest(8), content)])
    ledger.begin_placing()
    ledger.place([(digest(1), content)])
    ledger.finish("v", "d")
    assert ledger.contents(digest(8)) == []
    assert len(ledger.contents(digest(1))) == 1


def test_unreadable_file_keeps_a_listing_from_passing_as_unchanged(ledger: Ledger) -> None:
    ledger.replace_listing(map(entry, "ab"))
    finished(ledger, good("a", 1), bad("b", "unreadable"))
    assert ledger.last() == ("v1", "")


def test_forgetting_parts_keeps_what_lies_in_shards(ledger: Ledger) -> None:
    ledger.replace_listing(map(entry, "ab"))
    finished(ledger, good("a", 1))
    ledger.add_part("q.part", [good("b", 2)])
    ledger.find_duplicates("bytes", 0)
    ledger.add_part("r.part", [good("b", 2)])
    ledger.forget_parts()
    assert fresh(ledger) == ["b"]
    ledger.find_duplicates("bytes", 0)
    assert (len(ledger.contents(digest(1))), ledger.contents(digest(2))) == (1, [])


def test_forgetting_contents_forgets_the_version(ledger: Ledger) -> None:
    ledger.replace_listing([entry("a")])
    finished(ledger, good("a", 1))
    ledger.forget_contents()
    assert ledger.last() == (None, None)
    assert fresh(ledger) == ["a"]
    assert ledger.contents(digest(1)) == []


def test_transaction_is_all_or_nothing(ledger: Ledger) -> None:
    ledger.replace_listing([entry("a")])

    def broken() -> Iterator[Entry]:
        yield entry("b")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.replace_listing(broken())
    assert fresh(ledger) == ["a"]


def test_ledger_of_an_older_release_is_taken_over(tmp_path: Path) -> None:
    """Its listing had no column for the depth of the class folder; its files and samples are still known."""
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as old, old:
        old.execute(
            "CREATE TABLE listing(source TEXT PRIMARY KEY, label TEXT, size INTEGER, stamp TEXT, place TEXT, "
            "ordinal INTEGER) WITHOUT ROWID"
        )
        old.execute("INSERT INTO listing VALUES ('a', 'x', 1, 't', '[]', 0)")
        old.execute(
            "CREATE TABLE files(source TEXT PRIMARY KEY, size INTEGER, stamp TEXT, source_sha256 BLOB, reason TEXT, "
            "message TEXT) WITHOUT ROWID"
        )
        old.execute("INSERT INTO files VALUES ('a', 1, 't', NULL, 'truncated', 'cut off')")
    ledger = Ledger(path)
    ledger.replace_listing([entry("a", "x"), entry("b", "y", depth=0)])
    assert fresh(ledger) == ["b"]
    assert ledger.labels() == ["x", "y"]
    ledger.close()


def test_more_files_than_a_page(ledger: Ledger) -> None:
    names = [f"{number:05d}" for number in range(9000)]
    ledger.replace_listing(map(entry, names))
    assert fresh(ledger) == names
