"""Sources as people have them: folders around folders, empty folders, missing files, files that are not images."""

import shutil
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from shards import BuildOutcome, Dataset, ShardConfig, SourceError, build
from shards.building.contact_sheet import ContactSheet
from shards.building.schema import Refusal

NUM_IMAGES = 6


def built(source: Path, root: Path, **changes: object) -> BuildOutcome:
    settings = {"dataset": "pets", "resolution": 8, "workers": 1, "val_fraction": 0} | changes
    return build(ShardConfig(source=str(source), **settings), root)


def labels_of(outcome: BuildOutcome) -> list[str]:
    return Dataset.open(outcome.manifest).labels


@pytest.fixture
def images(tmp_path: Path, make_image) -> Path:
    """Six images in one folder, without classes."""
    for number in range(NUM_IMAGES):
        make_image(tmp_path / "images" / f"{number}.png", number, size=(12, 10))
    return tmp_path / "images"


def fill(folder: Path, images: Path, *names: str) -> Path:
    """Spread the images over the folders `names` below `folder`."""
    for number, path in enumerate(sorted(images.iterdir())):
        target = folder / names[number % len(names)] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return folder


def zipped(folder: Path) -> Path:
    """Pack a folder as `zip -r` does: with entries for the folders, below the folder's own name."""
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for path in [folder, *sorted(folder.rglob("*"))]:
            archive.write(path, path.relative_to(folder.parent))
    return target


@pytest.mark.parametrize("pack", [zipped, lambda folder: folder], ids=["zip", "folder"])
def test_one_folder_is_an_unlabelled_set(pack, images: Path, tmp_path: Path) -> None:
    outcome = built(pack(fill(tmp_path / "pics", images, "a")), tmp_path / "root")
    assert outcome.notes == ["All images are in one folder, 'a'. They are treated as unlabelled."]
    assert (outcome.kept, outcome.quarantined, labels_of(outcome)) == (NUM_IMAGES, 0, [])


@pytest.mark.parametrize("pack", [zipped, lambda folder: folder], ids=["zip", "folder"])
@pytest.mark.parametrize("around", ["", "a/", "x/y/x/"])
def test_common_folders_are_stripped(around: str, pack, images: Path, tmp_path: Path) -> None:
    plain = built(fill(tmp_path / "plain", images, "cats", "dogs"), tmp_path / "one")
    folder = fill(tmp_path / "pics", images, f"{around}cats", f"{around}dogs")
    (folder / "README.txt").write_text("Beside the folders lies a text.")
    outcome = built(pack(folder), tmp_path / "root")
    assert (labels_of(outcome), outcome.version, outcome.notes) == (["cats", "dogs"], plain.version, [])
    assert outcome.reasons == {"no_label": 1}


def test_images_beside_the_only_folder_stay(images: Path, tmp_path: Path) -> None:
    outcome = built(fill(tmp_path / "pics", images, "", "more/deeper"), tmp_path / "root")
    assert outcome.kept == NUM_IMAGES
    assert labels_of(outcome) == []
    assert "'more' is the only class folder, and images lie beside it" in outcome.notes[0]


def test_empty_folder_gives_a_note(images: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "pics", images, "cats", "dogs")
    (folder / "x.png").mkdir()
    first = built(folder, tmp_path / "root")
    assert first.notes == ["The folder 'x.png' is empty and is ignored."]
    (folder / "y.png" / "deeper").mkdir(parents=True)
    second = built(folder, tmp_path / "root")
    assert second.notes == ["The folders 'x.png', 'y.png' are empty and are ignored."]
    assert (second.version, labels_of(second)) == (first.version, ["cats", "dogs"])
    third = built(folder, tmp_path / "root")
    assert (third.reused, third.notes) == (True, second.notes)


def listing_with_missing_file(images: Path, missing: str) -> Path:
    rows = [f"{path.name},{('cat', 'dog')[number % 2]}" for number, path in enumerate(sorted(images.iterdir()))]
    listing = images / "list.csv"
    listing.write_text("\n".join(["path,label", *rows, f"gone.png,{missing}", ""]))
    return listing


def test_class_of_a_missing_file_is_dropped_with_a_note(images: Path, tmp_path: Path) -> None:
    outcome = built(listing_with_missing_file(images, "bird"), tmp_path / "root")
    assert outcome.reasons == {"unreadable": 1}
    assert outcome.notes == ["The class 'bird' has no usable image and is left out. Its files: 1 unreadable."]
    assert labels_of(outcome) == ["cat", "dog"]
    assert sum(Dataset.open(outcome.manifest).class_counts("train")) == NUM_IMAGES


def test_last_class_left_makes_the_set_unlabelled(images: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "pics", images, "cats", "cats")
    for number in range(7):
        (folder / f"docs{number}").mkdir()
        (folder / f"docs{number}" / "a.txt").write_text(f"a text and not an image: {number}")
    outcome = built(folder, tmp_path / "root")
    assert outcome.notes[0] == "The class 'docs0' has no usable image and is left out. Its files: 1 not an image."
    assert outcome.notes[-2:] == [
        "2 more classes have no usable image and are left out. See quarantine.parquet.",
        "All usable images have the class 'cats'. They are treated as unlabelled.",
    ]
    assert (labels_of(outcome), outcome.kept, outcome.not_images) == ([], NUM_IMAGES, 7)
    table = pq.read_table(Path(outcome.manifest).with_name("samples.parquet"), columns=["label", "label_name"])
    assert set(table["label"].to_pylist()) == set(table["label_name"].to_pylist()) == {None}


def test_class_of_copies_is_dropped(images: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "pics", images, "a", "b")
    shutil.copytree(folder / "b", folder / "c")
    outcome = built(folder, tmp_path / "root")
    assert outcome.notes == ["The class 'c' has no usable image and is left out. Its files: 3 duplicate."]
    assert (outcome.seen, outcome.kept, outcome.duplicates) == (9, 6, 3)


def _one_folder(images: Path, tmp_path: Path) -> Path:
    return fill(tmp_path / "pics", images, "a")


def _empty_folder(images: Path, tmp_path: Path) -> Path:
    (fill(tmp_path / "pics", images, "a", "b") / "c").mkdir()
    return tmp_path / "pics"


def _missing_file(images: Path, tmp_path: Path) -> Path:
    return listing_with_missing_file(images, "bird")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_one_folder, r"All images are in one folder, 'a'.*labels=strict stops here"),
        (_empty_folder, r"The folder 'c' is empty.*labels=strict stops here"),
        (_missing_file, r"The class 'bird' has no usable image.*labels=strict stops here"),
    ],
)
def test_strict_stops_where_auto_gives_a_note(make, message: str, images: Path, tmp_path: Path) -> None:
    source = make(images, tmp_path)
    with pytest.raises(SourceError, match=message):
        built(source, tmp_path / "root", labels="strict")
    assert not list((tmp_path / "root").rglob("*"))
    assert built(source, tmp_path / "root").notes
    with pytest.raises(SourceError, match=message):
        built(source, tmp_path / "root", labels="strict")


def test_strict_gives_the_version_that_auto_gives(images: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "pics", images, "a", "b")
    auto = built(folder, tmp_path / "root")
    strict = built(folder, tmp_path / "root", labels="strict")
    assert (strict.version, strict.reused, strict.notes) == (auto.version, True, [])


def test_files_that_are_no_images_are_counted_apart(images: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "pics", images, "a", "b")
    (folder / "a" / "sound.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    (folder / "a" / "notes.txt").write_text("a text")
    (folder / "b" / "cut.png").write_bytes((images / "0.png").read_bytes()[:60])
    outcome = built(folder, tmp_path / "root")
    counts = Dataset.open(outcome.manifest).manifest.counts
    assert (outcome.seen, outcome.quarantined, outcome.not_images, counts.not_images) == (9, 3, 2, 2)
    assert outcome.seen == outcome.kept + outcome.duplicates + outcome.quarantined
    counted = "9 files seen: 6 kept, 0 duplicates, 3 quarantined (2 are not images, 1 truncated)"
    assert dict(outcome.facts())["images"] == counted
    table = pq.read_table(Path(outcome.manifest).with_name("quarantine.parquet")).to_pylist()
    assert sorted(row["source"] for row in table if row["reason"] == "not_an_image") == ["a/notes.txt", "a/sound.wav"]


def test_contact_sheet_tells_broken_files_from_others() -> None:
    sheet = ContactSheet()
    for reason in ("truncated", "not_an_image", "not_an_image"):
        sheet.refuse(Refusal(f"{reason}.bin", reason, "why", 3, None))
    assert sheet.lines()[:2] == ["refused: 1 truncated", "files that are not images: 2"]
