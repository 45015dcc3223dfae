"""`drift` on a collection that changes: more of the same, another kind of images, a new class."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flows.configs import DriftConfig
from flows.pipelines.drift import DriftOutcome, drift
from models.compute.config import ComputeConfig
from models.metrics.config import EvalConfig
from models.training.config import TrainConfig
from shards import ShardConfig
from tasks.datasets.config import DriftPolicy
from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry.config import PromotionPolicy
from tasks.registry.decisions.succession import succeed
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags
from tests.tasks.conftest import make_version

TRAIN = TrainConfig(
    family="dcgan",
    nimg=40,
    batch_size=8,
    width=4,
    latent_dim=8,
    tick_nimg=40,
    compute=ComputeConfig(threads=1, device="cpu"),
)
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_server")]


def add(folder: Path, count: int, seed: int, low: int, smooth: bool = False) -> None:
    """Noise as in the collection, or smooth images."""
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    for number in range(count):
        pixels = rng.integers(low, low + 128, (2, 2, 3) if smooth else (20, 20, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).resize((20, 20), Image.Resampling.BICUBIC)
        image.save(folder / f"new-{seed}-{number:03d}.{('jpg', 'png', 'gif', 'webp')[number % 4]}")


@pytest.fixture
def champion(dataset: str) -> None:
    """A champion that was trained on the collection, as far as the registry knows."""
    client = connect(home())
    client.create_registered_model("tiny")
    version = make_version(client, "tiny", home().root / "files")
    VersionTags(manifest=dataset).write(client, version)
    succeed(client, home(), version, "by hand")


def look(collection: Path, start: str = "off") -> DriftOutcome:
    return drift(
        DriftConfig(
            shard=ShardConfig(source=str(collection), dataset="tiny", resolution=16, val_fraction=0.3, workers=1),
            train=TrainConfig(
                family="dcgan",
                nimg=40,
                batch_size=8,
                width=4,
                latent_dim=8,
                tick_nimg=40,
                compute=ComputeConfig(threads=1, device="cpu"),
            ),
            evaluate=EvalConfig(num_images=16, input_size=32, num_train=16, device="cpu"),
            promote=PromotionPolicy(floors="off"),
            drift=DriftPolicy(min_new=10, growth=0.9, min_class=10, sample=60, start=start),  # type: ignore[arg-type]
            training_deployment="",
        )
    )


def test_nothing_new_and_more_of_the_same_train_nothing(champion: None, collection: Path) -> None:
    nothing = look(collection, "on")
    assert nothing.trained is None
    assert nothing.advice.why == "there is no new file among the 49 of the source"

    for low, label in ((0, "dark"), (128, "bright")):
        add(collection / label, 16, seed=1 + low, low=low)
    same = look(collection, "on")
    assert same.trained is None
    assert same.found.new_images == 32
    assert same.found.features is not None
    assert not same.found.features.exceeds_chance
    assert "they are like the known ones" in same.advice.why
    assert same.advice.noticed == []


def test_another_kind_of_images_is_worth_a_training(champion: None, collection: Path) -> None:
    add(collection / "dark", 32, seed=1, low=0, smooth=True)
    outcome = look(collection)
    assert outcome.found.features is not None
    assert outcome.found.features.ratio > 1.5
    assert "they look different, with" in outcome.advice.why
    assert any("the mix of known classes differs" in sentence for sentence in outcome.advice.noticed)
    assert (outcome.advice.train, outcome.trained) == (True, None)


def test_a_new_class_starts_a_training(champion: None, collection: Path) -> None:
    add(collection / "grey", 20, seed=1, low=64)
    outcome = look(collection, "on")
    assert "the champion does not know the class 'grey' (20 files)" in outcome.advice.why
    assert outcome.trained == "models:/tiny/2"
    trained = VersionTags.of(connect(home()).get_model_version("tiny", "2"))
    assert trained.dataset_version != outcome.found.dataset.partition("@")[2]


def test_without_a_champion_there_is_nothing_to_compare_with(dataset: str, collection: Path) -> None:
    with pytest.raises(RegistryError, match="tiny has no champion to compare with: train one first"):
        look(collection)
