"""Archives in the WebDataset layout: labels are found by key wherever they lie, or a note says that there are none."""

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from shards import BuildOutcome, Dataset, ShardConfig, SourceError, build
from shards.sources.entries import Entry, Notes
from shards.sources.source import list_entries
from tests.shards.conftest import picture

Files = list[tuple[str, bytes]]
NUM_SAMPLES = 4


def image(number: int) -> bytes:
    buffer = io.BytesIO()
    picture(number, (12, 10)).save(buffer, "PNG")
    return buffer.getvalue()


def images(ending: str = "png") -> Files:
    return [(f"{number:03d}.{ending}", image(number)) for number in range(NUM_SAMPLES)]


def labels(ending: str, form: str = "{}") -> Files:
    return [(f"{number:03d}.{ending}", form.format(number % 2).encode()) for number in range(NUM_SAMPLES)]


def write(path: Path, files: Files) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name, data in files:
                packed.writestr(name, data)
        return path
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def listed(path: Path, notes: Notes | None = None, **settings: str) -> dict[str, str | None]:
    entries: Iterator[Entry] = list_entries(ShardConfig(source=str(path), dataset="x", **settings), notes)
    return {entry.source: entry.label for entry in entries}


def built(path: Path, root: Path, **changes: object) -> BuildOutcome:
    settings = {"dataset": "pets", "resolution": 8, "workers": 1, "val_fraction": 0} | changes
    return build(ShardConfig(source=str(path), **settings), root)


EXPECTED = {f"{number:03d}.png": str(number % 2) for number in range(NUM_SAMPLES)}
TWO_PARTS = {name.replace(".png", ".input.png"): label for name, label in EXPECTED.items()}
json_labels = labels("json", '{{"label": {}, "caption": "x"}}')


@pytest.mark.parametrize("suffix", ["tar", "tgz", "zip"])
@pytest.mark.parametrize("order", ["beside", "images first", "labels first"])
def test_labels_are_found_wherever_they_lie(order: str, suffix: str, tmp_path: Path) -> None:
    pairs = zip(images(), labels("cls"), strict=True)
    files = {
        "beside": [file for pair in pairs for file in pair],
        "images first": [*images(), *labels("cls")],
        "labels first": [*labels("cls"), *images()],
    }[order]
    assert listed(write(tmp_path / f"a.{suffix}", files)) == EXPECTED


@pytest.mark.parametrize(
    ("label_member", "files", "expected"),
    [
        ("txt", [*images(), *labels("txt")], EXPECTED),
        ("json:label", [*images(), *json_labels], EXPECTED),
        ("outputs.txt", [*images("input.png"), *labels("outputs.txt")], TWO_PARTS),
        ("txt", [*images("input.png"), *labels("outputs.txt")], TWO_PARTS),
        ("outputs.txt", [*images("input.png"), *labels("outputs.txt"), *labels("prompt.txt", "p{}")], TWO_PARTS),
        ("txt", [*images(), *labels("txt"), *labels("cls", "9")], EXPECTED),
    ],
)
def test_label_member_can_be_chosen(label_member: str, files: Files, expected: dict[str, str], tmp_path: Path) -> None:
    assert listed(write(tmp_path / "a.tar", files), label_member=label_member) == expected


def test_longest_label_and_json_that_are_read(tmp_path: Path) -> None:
    longest = write(tmp_path / "a.tar", [*images(), *labels("cls")[1:], ("000.cls", b"x" * 256)])
    assert listed(longest) == EXPECTED | {"000.png": "x" * 256}
    for number, spaces in enumerate((0, 1)):
        content = b'{"label": "cat"}'.ljust(65536 + spaces)
        files = [*images(), *json_labels[1:], ("000.json", content)]
        expected = EXPECTED | {"000.png": None if spaces else "cat"}
        assert listed(write(tmp_path / f"{number}.tar", files), label_member="json:label") == expected


def test_labels_are_not_given_where_none_are_wanted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", [*images(), *labels("cls")])
    assert listed(path, labels="none") == dict.fromkeys(EXPECTED)


def test_samples_of_the_same_name_in_two_folders_are_two(tmp_path: Path) -> None:
    files = [(f"{folder}/{name}", data) for folder in "ab" for name, data in images()]
    files += [(f"a/{name}", b"0") for name, _ in labels("cls")] + [(f"b/{name}", b"1") for name, _ in labels("cls")]
    assert listed(write(tmp_path / "a.tar", files)) == {
        f"{folder}/{name}": label for folder, label in (("a", "0"), ("b", "1")) for name in EXPECTED
    }
    path = write(tmp_path / "b.tar", [*files, ("b/002.other.cls", b"7")])
    with pytest.raises(SourceError, match=r"'b/002' .* two different labels"):
        listed(path)


def test_two_members_with_the_same_label_are_no_contradiction(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", [*images(), *labels("a.cls"), *labels("b.cls")])
    assert listed(path) == EXPECTED


def test_json_is_named_only_where_there_is_some(tmp_path: Path) -> None:
    notes = Notes()
    listed(write(tmp_path / "a.tar", [*images(), *labels("txt")]), notes)
    assert notes.if_unlabelled == [
        "Beside the images in the archive lie files that end with 'txt'. They are not read as labels. If one of them "
        "holds the class, choose it: label_member=txt."
    ]


def test_listing_may_go_on_in_another_thread(tmp_path: Path) -> None:
    entries = list_entries(ShardConfig(source=str(write(tmp_path / "a.tar", images())), dataset="x"))
    first = next(iter(entries))
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(list, entries).result()
    assert [entry.source for entry in [first, *rest]] == list(EXPECTED)


def test_whole_build_from_an_archive_whose_labels_come_last(tmp_path: Path) -> None:
    outcome = built(write(tmp_path / "a.tar", [*images(), *json_labels]), tmp_path / "root", label_member="json:label")
    assert (outcome.seen, outcome.kept, outcome.notes) == (NUM_SAMPLES, NUM_SAMPLES, [])
    manifest = Dataset.open(outcome.manifest).manifest
    assert (manifest.labels, manifest.histogram("train")) == (["0", "1"], {"0": 2, "1": 2})


def test_labels_that_are_not_read_give_a_note(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", [*images(), *json_labels, ("README.md", b"about")])
    outcome = built(path, tmp_path / "root")
    assert outcome.kept == NUM_SAMPLES
    assert outcome.not_images == NUM_SAMPLES + 1
    assert outcome.notes == [
        "Beside the images in the archive lie files that end with 'json'. They are not read as labels. If one of them "
        "holds the class, choose it: label_member=json or, for a key of a JSON file, label_member=json:KEY."
    ]
    with pytest.raises(SourceError, match="labels=strict stops here"):
        built(path, tmp_path / "strict", labels="strict")


def test_dataset_json_in_an_archive_gives_a_note(tmp_path: Path) -> None:
    """StyleGAN's tools write such archives: their folders are numbers of files and not classes."""
    files = [(f"0000{name[2]}/{name}", data) for name, data in images()]
    notes = Notes()
    listed(write(tmp_path / "a.zip", [*files, ("dataset.json", b'{"labels": [["00000/000.png", 1]]}')]), notes)
    assert len(notes.always) == 1
    assert "To use its labels, unpack the archive." in notes.always[0]


def test_captions_beside_labelled_images_give_no_note(tmp_path: Path) -> None:
    files = [(f"{name[2]}/{name}", data) for name, data in [*images(), *labels("txt")]]
    notes = Notes()
    assert set(listed(write(tmp_path / "a.zip", files), notes).values()) == {"0", "1", "2", "3"}
    assert notes.if_unlabelled
    assert not notes.always
    assert built(tmp_path / "a.zip", tmp_path / "root", labels="strict").notes == []
    quiet = Notes()
    assert set(listed(tmp_path / "a.zip", quiet, labels="none").values()) == {None}
    assert quiet == Notes()


def test_unlabelled_sample_among_labelled_ones_is_not_given_its_folder(tmp_path: Path) -> None:
    files = [(f"imgs/{name}", data) for name, data in [*images(), *labels("cls")[1:]]]
    assert listed(write(tmp_path / "a.tar", files))["imgs/000.png"] is None


@pytest.mark.parametrize("content", [b"", b"x" * 257, b"  \n"])
def test_file_that_holds_no_label_gives_none(content: bytes, tmp_path: Path) -> None:
    files = [*images(), *labels("cls")[1:], ("000.cls", content)]
    assert listed(write(tmp_path / "a.zip", files)) == EXPECTED | {"000.png": None}


@pytest.mark.parametrize("content", [b"[1]", b"{", b"[" * 50_000, b'{"label": null}', b'{"label": [1]}', b'{"a": 1}'])
def test_json_without_the_key_gives_none(content: bytes, tmp_path: Path) -> None:
    files = [*images(), *json_labels[1:], ("000.json", content)]
    assert listed(write(tmp_path / "a.tar", files), label_member="json:label") == EXPECTED | {"000.png": None}


def test_two_labels_for_one_sample_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", [*images(), *labels("a.cls"), *labels("b.cls", "7{}")])
    with pytest.raises(SourceError, match=r"'000' .* two different labels, in 'a.cls' and in 'b.cls'"):
        listed(path)
    assert listed(path, label_member="b.cls")["001.png"] == "71"


def test_label_member_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", [*images(), *labels("txt")])
    with pytest.raises(
        SourceError, match=r"ends with '.json', as label_member asks. The endings in it are 'png', 'txt'"
    ):
        listed(path, label_member="json:label")


def test_no_space_for_the_listing_is_said_in_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", [(f"{number:06d}-{'x' * 90}.png", b"") for number in range(20_000)])
    program = f"""
import resource
from shards import BuildError, ShardConfig, list_entries
resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))  # no file may grow beyond it, as on a full disk
try:
    list(list_entries(ShardConfig(source={str(path)!r}, dataset="x")))
except BuildError as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "a.tar' cannot be listed" in ended.stdout
    assert "Free some space" in ended.stdout


@pytest.mark.parametrize("text", ["", "json:", "a/b", "a:b:c"])
def test_label_member_is_checked(text: str) -> None:
    with pytest.raises(ValidationError, match="label_member"):
        ShardConfig(source="x", dataset="x", label_member=text)


def test_label_member_names_versions_only_where_it_was_changed() -> None:
    assert "label_member" not in ShardConfig(source="x", dataset="x").content_settings()
    changed = ShardConfig(source="x", dataset="x", label_member="txt").content_settings()
    assert json.loads(json.dumps(changed))["label_member"] == "txt"
