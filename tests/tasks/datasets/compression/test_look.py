"""The advice on made-up collections: what `shardgan doctor --source` and a build say about their compression."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flows.cli.app import app
from shards import Dataset, ShardConfig, build
from tasks.datasets.compression import evidence
from tasks.datasets.compression.advice import Advice, advise
from tasks.datasets.compression.collection import Collection, count_version
from tasks.datasets.compression.look import CollectionOutcome, examine_collection, sample
from tasks.datasets.config import CollectionConfig
from tasks.errors import RequestError

ROOT = Path(__file__).parents[4]
SIDE = 32
Save = Callable[[Path, Image.Image, int], object]


def picture(seed: int) -> Image.Image:
    """Shapes on a smooth ground, with a little noise: neither flat nor clipped."""
    rng = np.random.default_rng(seed)
    ground = Image.fromarray(rng.integers(60, 200, (4, 4, 3), dtype=np.uint8)).resize((SIDE, SIDE), Image.BICUBIC)
    pixels = np.asarray(ground).astype(int) + rng.integers(-12, 13, (SIDE, SIDE, 3))
    pixels[8:20, 5 : 15 + seed % 10] = rng.integers(40, 220, 3)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def as_png(path: Path, image: Image.Image, _number: int) -> None:
    image.save(path.with_suffix(".png"))


def as_jpeg(quality: int) -> Save:
    return lambda path, image, _number: image.save(path.with_suffix(".jpg"), quality=quality)


def mixed(path: Path, image: Image.Image, number: int) -> None:
    (as_png if number % 10 == 0 else as_jpeg(15))(path, image, number)


def as_gif(path: Path, image: Image.Image, _number: int) -> None:
    image.quantize(32).save(path.with_suffix(".gif"))


def as_webp(path: Path, image: Image.Image, number: int) -> None:
    image.save(path.with_suffix(".webp"), lossless=number % 4 == 0, quality=75)


def as_png_of_jpeg(path: Path, image: Image.Image, number: int) -> None:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=15)
    as_png(path, Image.open(buffer), number)


def make(folder: Path, save: Save, count: int = 20) -> Path:
    folder.mkdir()
    for number in range(count):
        save(folder / f"{number:03d}", picture(number), number)
    return folder


def look(folder: Path | str, **settings: object) -> CollectionOutcome:
    shard = {"resolution": SIDE} | settings.pop("shard", {})  # type: ignore[operator]
    return examine_collection(CollectionConfig.model_validate({"source": str(folder), "shard": shard, **settings}))


@pytest.mark.parametrize(
    ("save", "setting", "found", "advice"),
    [
        (as_jpeg(95), "", "JPEG quality 95. Colour of JPEG: 100 % 4:2:0.", "Nothing to do"),
        (as_jpeg(15), "known", "JPEG quality 15.", "Train with train.compression=known"),
        (as_jpeg(50), "known", "JPEG quality 50.", "Known was not measured above JPEG 30"),
        (mixed, "known", "20 files: 90 % JPEG and 10 % PNG. JPEG quality 15.", "and here 90 % are"),
        (as_gif, "", "20 files have a palette, of 32 colours", "no setting knows palettes"),
        (as_webp, "", "75 % lossy WebP and 25 % lossless WebP. WebP quality about ", "were not measured"),
    ],
)
def test_headers_are_enough_for_most_collections(
    save: Save, setting: str, found: str, advice: str, tmp_path: Path
) -> None:
    outcome = look(make(tmp_path / "x", save), sample_pixels=0)
    assert outcome.advice.settings == ({"train.compression": setting} if setting else {})
    assert found in " ".join(outcome.advice.found)
    assert advice in outcome.advice.advice
    assert "FD-EffNetLite0" in outcome.advice.cost


def test_pixels_tell_clean_files_from_decoded_jpegs(tmp_path: Path) -> None:
    clean = look(make(tmp_path / "clean", as_png))
    assert clean.advice.settings == {}
    assert "none shows traces" in " ".join(clean.advice.found)
    decoded = look(make(tmp_path / "decoded", as_png_of_jpeg))
    assert decoded.advice.settings == {"train.compression": "learned"}
    assert "quality 15" in decoded.advice.found[-1]
    assert decoded.collection.traces
    assert decoded.collection.traces.num_coarse >= 10


def test_a_build_that_scales_makes_the_tables_useless(tmp_path: Path) -> None:
    folder = make(tmp_path / "x", as_jpeg(15))
    assert look(folder, shard={"resolution": 16}).advice.settings == {
        "shard.resolution": str(SIDE),
        "shard.encoding": "original",
        "train.compression": "known",
    }
    for number, path in enumerate(sorted(folder.iterdir())):
        picture(number).resize((40 + number, 50)).save(path, quality=15)
    various = look(folder)
    assert various.advice.settings == {}
    assert "the build scales them down 1." in various.advice.advice


def test_a_build_says_the_same_of_all_its_images(tmp_path: Path) -> None:
    folder = make(tmp_path / "x", mixed)
    built = build(ShardConfig(source=str(folder), dataset="d", resolution=SIDE), tmp_path / "home")
    of_version = advise(count_version(Dataset.open(built.manifest)), str(SIDE))
    of_source = look(folder, sample_pixels=0).advice
    assert of_version.found[0] == "All 20 images: 90 % JPEG and 10 % PNG."
    assert of_version.found[1:] == of_source.found[1:]
    same = {"found"}
    assert of_version.model_dump(exclude=same) == of_source.model_dump(exclude=same)
    assert [name for name, _ in of_version.summary()] == ["compression", "cost", "advice", "evidence"]


def test_broken_files_are_counted_and_break_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path / "x", as_jpeg(15))
    whole = (folder / "000.jpg").read_bytes()
    rng = np.random.default_rng(0)
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "notes.txt").write_text("no image")
    for number, head in enumerate([whole[:300], b"RIFF\x00\x00\x00\x00WEBPVP8 ", b"GIF89a", b"\x89PNG\r\n\x1a\n"]):
        (folder / f"cut{number}").write_bytes(head)
        (folder / f"noise{number}").write_bytes(head[:20] + rng.bytes(500))
    outcome = look(folder)
    assert outcome.collection.formats["JPEG"] == 20
    assert sum(outcome.collection.unreadable.values()) >= 6
    assert "could not be read (" in outcome.advice.found[0]
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    (nothing / "a.txt").write_text("no image")
    assert look(nothing).advice.settings == {}
    with pytest.raises(RequestError, match="does not exist"):
        look(tmp_path / "nowhere")


def test_a_camera_that_wrote_another_size_shows_a_second_compression(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA002: 4000, 0xA003: 3000})
    folder = make(tmp_path / "x", lambda path, image, _: image.save(path.with_suffix(".jpg"), quality=80, exif=exif))
    assert "20 JPEG files have another size than their camera wrote" in " ".join(look(folder).advice.found)


def test_a_sample_is_spread_over_the_source_and_always_the_same() -> None:
    chosen, count = sample(iter(range(1000)), 50)  # type: ignore[arg-type]
    assert count == 1000
    assert len(set(chosen)) == 50
    assert chosen == sorted(chosen)  # type: ignore[type-var]
    assert 300 < float(np.mean(chosen)) < 700  # type: ignore[arg-type]
    assert sample(iter(range(1000)), 50)[0] == chosen  # type: ignore[arg-type]
    assert sample(iter(range(3)), 50) == ([0, 1, 2], 3)  # type: ignore[arg-type]


def test_the_command_answers_at_once_and_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make(tmp_path / "x", as_jpeg(15), count=3)
    words = ["doctor", "--source", str(folder), "--resolution", str(SIDE)]
    assert app([*words, "--json"], result_action="return_value") == 0
    told = CollectionOutcome.model_validate_json(capsys.readouterr().out)
    assert told.advice.settings == {"train.compression": "known"}
    assert app(words, result_action="return_value") == 0
    shown = capsys.readouterr()
    assert "train.compression=known" in shown.out
    assert shown.err == ""


def test_every_figure_stands_in_its_page() -> None:
    robust, digits, emoji = ((ROOT / page).read_text() for page in (evidence.ROBUST, evidence.DIGITS, evidence.EMOJI))
    for quality, measured in evidence.TRAINED_ROBUSTLY.items():
        for one in measured:
            assert first_figure(robust, f"{one.collection} | JPEG {quality} | plain") == one.plain
            assert first_figure(robust, f"{one.collection} | JPEG {quality} | known") == one.known
            assert first_figure(robust, f"{one.collection} | clean | plain") == one.clean
    for name, value in evidence.LEARNED.items():
        assert first_figure(robust, f"{name} | JPEG 15 | learned") == value
    for name, value in evidence.NO_CONSISTENCY.items():
        assert first_figure(robust, f"{name} | JPEG 15 | known, consistency 0") == value
    for codec, value in {"Original": evidence.CLEAN, **evidence.TRAINED_ON}.items():
        assert (figure(digits, codec, 5), figure(emoji, codec, 5)) == value


def first_figure(page: str, row: str) -> float:
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {row} |")]
    return float(re.findall(r"[\d.]+", line[len(row) + 3 :])[0])


def figure(page: str, row: str, column: int) -> float:
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {row} |")]
    return float(line.split("|")[column + 1].split()[0])


def test_advice_with_nothing_to_do_is_short() -> None:
    one = Advice(found=["All."], cost="None.", advice="Nothing.", evidence="Page.", settings={})
    assert one.summary() == [("compression", "All."), ("advice", "Nothing.")]


@pytest.mark.parametrize(
    ("aspect", "size", "expected"),
    [
        (1.5, "64", "1.5 times as wide as high, and the crop leaves out 33 % of their pixels. shard.resolution=96x64 "),
        (
            0.75,
            "48",
            "1.33 times as high as wide, and the crop leaves out 25 % of their pixels. shard.resolution=48x64 ",
        ),
        (1.0, "96x64", "leaves out 33 % of their pixels. shard.resolution=64x64 leaves out 0 %"),
        (1.78, "64", "shard.resolution=112x64 leaves out 2 %"),
        (1.5, "96x64", ""),
        (1.2, "64", ""),
        (1.5, "100", ""),
    ],
)
def test_a_crop_that_leaves_out_much_is_named(aspect: float, size: str, expected: str) -> None:
    found = Collection(num_files=1, num_known=1, formats={"PNG": 1}, aspect=aspect)
    said = dict(advise(found, size, "crop").summary()).get("shape", "")
    assert expected in said
    assert bool(said) == bool(expected)
    assert not advise(found, size, "stretch").shape


def test_the_aspect_is_that_of_upright_images(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for number in range(4):
        image = picture(number).resize((SIDE, 2 * SIDE))  # shown lying, because it is turned
        image.save(tmp_path / f"{number}.jpg", exif=exif.tobytes())
    config = ShardConfig(source=str(tmp_path), dataset="d", resolution=16, workers=1, val_fraction=0)
    built = build(config, tmp_path / "home")
    assert count_version(Dataset.open(built.manifest)).aspect == pytest.approx(2)
    looked = examine_collection(CollectionConfig(source=str(tmp_path / "*.jpg")))
    assert looked.collection.aspect == pytest.approx(2)
    assert "shard.resolution=128x64" in dict(looked.facts())["shape"]
