"""Sources with generated images in them: counted, refused, kept or a class; and sources that a model made."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from shards import BuildOutcome, Dataset, ShardConfig, SourceError, Synthetic, build, find_synthetic
from shards.images.containers.marking import Mark, mark_image, read_xmp
from tests.shards.conftest import MakeImage

SYNTHETIC = Synthetic(
    model="models:/m/1",
    weights_sha256="0" * 64,
    num_images=12,
    seed=3,
    label=-1,
    truncation=1.0,
    format="png",
    mark="xmp",
)


@pytest.fixture
def mixed(tmp_path: Path, make_image: MakeImage) -> Path:
    """Nine photographs, three generated images, and a copy of one of these."""
    folder = tmp_path / "mixed"
    for number in range(12):
        path = make_image(folder / f"{number:02d}.{('png', 'jpg', 'webp')[number % 3]}", number)
        if number >= 9:
            path.write_bytes(mark_image(path.read_bytes(), Mark("models:/other", seed=number)))
    (folder / "copy.png").write_bytes((folder / "09.png").read_bytes())
    return folder


def built(source: Path, root: Path, **changes: object) -> BuildOutcome:
    config = ShardConfig(source=str(source), dataset="x", resolution=16, workers=1, **({"labels": "none"} | changes))
    outcome = build(config, root)
    assert outcome.seen == outcome.kept + outcome.duplicates + outcome.quarantined
    return outcome


def test_marked_files_are_refused_by_default_and_counted(mixed: Path, tmp_path: Path) -> None:
    outcome = built(mixed, tmp_path)
    assert (outcome.kept, outcome.duplicates, outcome.reasons) == (9, 0, {"marked_generated": 4})
    assert outcome.marked_generated == 4
    assert ("marked", "4 files say that they were generated") in outcome.facts()
    Image.open(mixed / "00.png").rotate(90).save(mixed / "new.png")
    (mixed / "another.jpg").write_bytes((mixed / "10.jpg").read_bytes())
    grown = built(mixed, tmp_path)
    assert (grown.kept, grown.marked_generated, grown.reasons) == (10, 5, {"marked_generated": 5})
    assert not Dataset.open(grown.manifest).manifest.num_marked_kept


def test_marked_files_are_kept_when_asked_for(mixed: Path, tmp_path: Path) -> None:
    outcome = built(mixed, tmp_path, marked="keep")
    assert (outcome.kept, outcome.duplicates, outcome.marked_generated) == (12, 1, 4)
    folder = Path(outcome.manifest).parent
    marks = pq.read_table(folder / "samples.parquet", columns=["source", "marked"]).to_pylist()
    assert {row["source"] for row in marks if row["marked"] == "xmp"} == {"09.png", "10.jpg", "11.webp"}
    assert b"compositeWithTrainedAlgorithmicMedia" in read_xmp((folder / "contact_sheet.png").read_bytes())
    assert ("Marked as generated", "4") in Dataset.open(outcome.manifest).facts()


def test_marked_files_become_a_class(mixed: Path, tmp_path: Path, make_image: MakeImage) -> None:
    outcome = built(mixed, tmp_path / "root", marked="class")
    manifest = Dataset.open(outcome.manifest).manifest
    assert manifest.labels == ["generated", "unmarked"]
    assert sum(manifest.class_counts(split)[0] for split in manifest.num_samples_by_split) == 3
    for number in range(4):
        make_image(tmp_path / "labelled" / "ab"[number % 2] / f"{number}.png", number)
    (tmp_path / "labelled" / "a" / "odd.png").write_bytes((mixed / "09.png").read_bytes())
    outcome = built(tmp_path / "labelled", tmp_path / "root", labels="auto", marked="class", val_fraction=0)
    assert Dataset.open(outcome.manifest).manifest.histogram("train") == {"a": 2, "b": 2, "generated": 1}


def test_versions_from_before_marks_are_found_by_the_same_request(tmp_path: Path, make_image: MakeImage) -> None:
    for number in range(12):
        make_image(tmp_path / "made" / f"{number}.png", number)
    config = ShardConfig(source=str(tmp_path / "made"), dataset="made", resolution=16, workers=1)
    old = build(config, tmp_path, synthetic=SYNTHETIC.model_copy(update={"mark": None}))
    found = find_synthetic(config.model_copy(update={"duplicates": "pixels"}), tmp_path, SYNTHETIC)
    assert found is not None
    assert found.version == old.version
    (path,) = Path(old.manifest).parent.glob("manifest.json")
    path.write_text(path.read_text().replace('"mark": null', '"mark": "off"'))
    assert find_synthetic(config, tmp_path, SYNTHETIC) is None


def test_an_ordinary_source_has_the_same_version_whatever_is_set(collection: Path, tmp_path: Path) -> None:
    config = ShardConfig(source=str(collection), dataset="x", resolution=16, workers=1)
    assert "marked" not in config.content_settings()
    assert config.content_settings() == config.model_copy(update={"allow_synthetic": True}).content_settings()


def test_a_version_that_a_model_made_is_a_source_only_when_asked_for(tmp_path: Path, make_image: MakeImage) -> None:
    for number in range(12):
        path = make_image(tmp_path / "made" / f"{number}.png", number)
        path.write_bytes(mark_image(path.read_bytes(), Mark("models:/m", seed=3, number=number)))
    config = ShardConfig(source=str(tmp_path / "made"), dataset="made", resolution=16, workers=1, encoding="original")
    made = build(config, tmp_path, synthetic=SYNTHETIC)
    assert (made.kept, made.marked_generated) == (12, 12)
    sheet = (Path(made.manifest).parent / "contact_sheet.png").read_bytes()
    assert b"shardgan models:/m/1" in read_xmp(sheet)
    with pytest.raises(SourceError, match=r"were generated by models:/m/1\. .* set allow_synthetic=true"):
        built(Path(made.manifest), tmp_path)
    again = built(Path(made.manifest), tmp_path, allow_synthetic=True)
    manifest = Dataset.open(again.manifest).manifest
    assert (again.kept, manifest.synthetic, manifest.source_synthetic) == (12, None, SYNTHETIC)
    assert ("Made by", "models:/m/1") in Dataset.open(again.manifest).facts()
    with pytest.raises(SourceError, match="were generated by"):  # what was made of it is one, too
        built(Path(again.manifest), tmp_path)
