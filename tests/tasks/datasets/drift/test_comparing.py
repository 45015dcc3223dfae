"""Which files of a source are new to a dataset, and at which level of folders its classes are."""

from pathlib import Path

from PIL import Image

from shards import Dataset, ShardConfig, list_entries, probe
from tasks.datasets.drift.comparing import find_depth, is_new, pick, read_known


def test_new_files_are_those_that_the_dataset_has_not_seen(dataset: str, collection: Path) -> None:
    known = read_known(Dataset.open(dataset))
    assert (known.depth, len(known.formats), set(known.labels.tolist())) == (0, 48, {"bright", "dark"})
    config = ShardConfig(source=str(collection), dataset="tiny", resolution=16, workers=1)
    assert not [entry for entry in list_entries(config) if is_new(entry, known)]  # the broken file is known as well

    Image.new("RGB", (20, 20), "red").save(collection / "bright" / "new.png")
    (collection / "dark" / "text.txt").write_text("not an image")
    (collection / "dark" / "000.jpg").write_bytes((collection / "bright" / "001.jpg").read_bytes())  # another file
    (collection / "dark" / "copy.jpg").write_bytes((collection / "bright" / "001.jpg").read_bytes())
    new = [entry for entry in list_entries(config) if is_new(entry, known)]
    assert {entry.source for entry in new} >= {"bright/new.png", "dark/text.txt", "dark/copy.jpg"}
    assert [known.class_of(entry) for entry in new if entry.source == "bright/new.png"] == ["bright"]

    found = {one.entry.source: one for one in probe(new, config)}
    assert found["dark/text.txt"].facts["reason"] == "not_an_image"
    assert found["dark/copy.jpg"].facts["source_sha256"] in known.contents
    made = found["bright/new.png"].sample
    assert made is not None
    assert made.decode().shape == (3, 16, 16)


def test_the_same_files_are_picked_each_time(collection: Path) -> None:
    entries = list(list_entries(ShardConfig(source=str(collection), dataset="tiny")))
    assert pick(entries, 10) == pick(entries, 10)
    assert len({entry.source for entry in pick(entries, 10)}) == 10
    assert pick(entries, 1000) == entries


def test_the_level_of_the_class_folders_is_found() -> None:
    assert find_depth([("all/images/cat/1.png", "cat"), ("all/images/dog/cat/2.png", "dog")]) == 2
    assert find_depth([("cat/1.png", "cat"), ("dog/2.png", "dog")]) == 0
    assert find_depth([("1.png", "cat")]) == 0  # the classes come from a listing
    assert find_depth([]) == 0
