"""The screening end to end: a training with a shield is registered, and its shield judges incoming images."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import shards
from flows.configs import BuildDatasetConfig, TrainGanConfig
from flows.stages.build_dataset import build_dataset
from flows.stages.screen_images import screen_images
from flows.stages.train_gan import train_gan
from models.training.loop import TrainConfig
from tasks.datasets.config import ScreenConfig, ScreenPolicy
from tasks.datasets.screening import ScreenOutcome
from tasks.errors import RegistryError, RequestError
from tasks.home import home
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.registry.versions import register, resolve_version
from tasks.tracking.runs import RunTracker, connect
from tasks.training.stage import plan_run
from tests.tasks.conftest import make_run

pytestmark = pytest.mark.usefixtures("prefect_server")

TRAIN = {
    "family": "dcgan",
    "nimg": 32,
    "batch_size": 8,
    "width": 4,
    "latent_dim": 8,
    "tick_nimg": 16,
    "compute": {"threads": 1, "device": "cpu"},
}
SHIELD = {"policy": "gate", "trusted": "val", "false_positive_rate": 0.05, "first_steps": 60, "batch_size": 32}


def honest(number: int) -> Image.Image:
    """A bright bar, standing or lying, somewhere on dark ground: no two are alike."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 30, (16, 16, 3), dtype=np.uint8)
    place, thick = rng.integers(2, 12), rng.integers(2, 4)
    pixels[place : place + thick] = rng.integers(120, 255, 3)
    return Image.fromarray(pixels if number % 2 else pixels.transpose(1, 0, 2))


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A version with a shield, in a home that the module shares."""
    root = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDGAN_HOME", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        pictures = root / "pictures"
        pictures.mkdir()
        for number in range(200):
            honest(number).save(pictures / f"{number:03d}.png")
        config = shards.ShardConfig(source=str(pictures), dataset="bars", resolution=16, val_fraction=0.5, workers=1)
        train = TrainConfig.model_validate({**TRAIN, "shield": SHIELD})
        outcome = train_gan(TrainGanConfig(dataset=shards.build(config, root).manifest, train=train))
        yield outcome.model.uri


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    """20 honest images, 10 of noise, one saved eight times as JPEG, a copy of a file, and a broken one."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    for number in range(20):
        honest(1000 + number).save(folder / f"honest-{number:02d}.png")
    noise = np.random.default_rng(0)
    for number in range(10):
        Image.fromarray(noise.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(folder / f"noise-{number}.png")
    for quality in range(88, 96):
        honest(2000).save(folder / f"flood-{quality}.jpg", quality=quality, subsampling=0)
    (folder / "copy.png").write_bytes((folder / "honest-00.png").read_bytes())
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    return folder


def held_back(outcome: ScreenOutcome) -> dict[str, str]:
    rows = pq.read_table(outcome.verdicts).to_pylist()
    return {row["source"]: row["verdict"] for row in rows if row["verdict"] != "pass" and not row["allowed"]}


def test_forgeries_and_floods_are_held_back_and_a_person_can_overrule(
    champion: str, incoming: Path, tmp_path: Path
) -> None:
    config = ScreenConfig(source=str(incoming), model=champion, false_positive_rate=0.05, workers=1)
    outcome = screen_images(config)
    assert (outcome.seen, outcome.duplicates) == (40, 1)
    assert outcome.seen == outcome.passed + outcome.duplicates + outcome.quarantined
    held = held_back(outcome)
    assert {f"noise-{number}.png" for number in range(10)} <= held.keys()
    assert sum(name.startswith("flood") and verdict == "flood" for name, verdict in held.items()) == 7
    assert sum(name.startswith("honest") for name in held) <= 4
    sheet = Image.open(io.BytesIO(Path(outcome.sheet).read_bytes()))
    assert sheet.width > 1000
    assert hashlib.sha256((incoming / "noise-0.png").read_bytes()).hexdigest() in Path(outcome.suspects).read_text()

    allow = tmp_path / "allow.txt"
    digest = hashlib.sha256((incoming / "noise-0.png").read_bytes()).hexdigest()
    allow.write_text(f"# looked at by a person\n{digest}  # noise on purpose\n")
    again = screen_images(config.model_copy(update={"allow": str(allow)}))
    assert held.keys() - held_back(again).keys() == {"noise-0.png"}
    assert (again.allowed, again.passed) == (1, outcome.passed + 1)


def test_a_build_that_names_the_model_quarantines_what_its_shield_holds_back(champion: str, incoming: Path) -> None:
    shard = shards.ShardConfig(
        source=str(incoming), dataset="screened", resolution=32, screen=champion, labels="none", workers=1
    )
    policy = ScreenPolicy(false_positive_rate=0.05)
    built = build_dataset(BuildDatasetConfig(shard=shard, screening=policy))
    assert built.seen == built.kept + built.duplicates + built.quarantined == 40
    assert built.reasons["suspect_flood"] == 7
    assert sum(count for reason, count in built.reasons.items() if reason.startswith("suspect_")) >= 17
    assert build_dataset(BuildDatasetConfig(shard=shard, screening=policy)).reused


def test_the_shield_travels_with_the_version_and_is_proven(champion: str) -> None:
    version = resolve_version(connect(home()), champion)
    assert len(version.tags["shardgan.shield_sha256"]) == 64
    assert LoadedGenerator.load(version).spec["sha256"]["shield"] == version.tags["shardgan.shield_sha256"]


def test_a_version_without_a_shield_says_what_to_do(champion: str, incoming: Path) -> None:
    run = make_run("bars", TrainConfig.model_validate(TRAIN))
    tracker = RunTracker(connect(home()), home(), run, {})
    tracker.finish()
    plain = register(connect(home()), run, tracker.run_id, "plain")
    with pytest.raises(RegistryError, match=r"has no shield.*train\.shield\.policy=gate"):
        screen_images(ScreenConfig(source=str(incoming), model=f"models:/plain/{plain.version}"))


def test_a_damaged_allow_list_is_refused(champion: str, incoming: Path, tmp_path: Path) -> None:
    (tmp_path / "allow.txt").write_text("noise-0.png\n")
    with pytest.raises(RequestError, match="64 hexadecimal digits"):
        screen_images(ScreenConfig(source=str(incoming), model=champion, allow=str(tmp_path / "allow.txt")))


def test_trusted_images_are_pinned_in_the_run_and_named_by_it(champion: str, tmp_path: Path) -> None:
    def plan(**shield: object) -> object:
        return plan_run("bars", TrainConfig.model_validate({**TRAIN, "shield": {**SHIELD, **shield}}))

    rows = pq.read_table(next(home().root.glob("datasets/bars/*/samples.parquet"))).to_pylist()
    listing = tmp_path / "trusted.txt"
    listing.write_text("".join(f"{row['source_sha256']}\n" for row in rows[:60]))
    by_listing = plan(trusted=str(listing))
    assert by_listing.trusted.keys == tuple(sorted(row["source_sha256"][:24] for row in rows[:60]))  # type: ignore[attr-defined]
    listing.write_text("".join(f"{row['source_sha256']}\n" for row in rows[:61]))
    assert plan(trusted=str(listing)).run != by_listing.run  # type: ignore[attr-defined]
    assert plan(trusted="bars").trusted.splits == ("train",)  # type: ignore[attr-defined]
    listing.write_text("# none was good enough\n")
    with pytest.raises(RequestError, match="names no image"):
        plan(trusted=str(listing))
    with pytest.raises(ValueError, match=r"false positive rate of 0\.001 needs 999 held out"):
        plan(false_positive_rate=0.001)
