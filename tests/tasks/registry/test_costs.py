"""What a version took: all starts of its training, its evaluations, and the training that its weights came from."""

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from models.networks.families import NetworkSpec
from models.training.loop import TrainConfig
from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry.costs import add_evaluation, add_training, read_cost
from tasks.tracking.inventory.models import list_versions
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags
from tasks.trainer.costs.config import CostConfig
from tasks.trainer.costs.cost import Cost
from tasks.trainer.costs.history import History
from tasks.trainer.run_directory import RunConfig, RunDirectory
from tests.tasks.conftest import make_version

CONFIG = CostConfig()


@pytest.fixture
def client(home_dir: Path) -> MlflowClient:
    client = connect(home())
    client.create_registered_model("m")
    return client


def trained(name: str, hours: tuple[float, ...], init: str = "", init_sha256: str = "") -> RunDirectory:
    """A run whose trainers worked for so many hours each, on one GPU for 2 EUR an hour, and were killed."""
    run = RunDirectory(home().runs / name)
    network = NetworkSpec(family="dcgan", resolution=16, channels=1, num_classes=0, latent_dim=4, width=4)
    facts = {"run": name, "manifest": "/manifest.json", "dataset": "d", "dataset_version": "v", "commit": "c"}
    config = TrainConfig(family="dcgan", init=init)
    run.create(RunConfig(**facts, labels=[], network=network, train=config, init_sha256=init_sha256))
    history, at = History(run.path), 1000.0
    for length in hours:
        history.add("start", at, gpus=1, price_per_hour=2.0, currency="EUR")
        history.add("train", at, nimg=0)
        at += 3600 * length
        history.add("exit", at, code=-9)
        at += 60
    return run


def test_a_version_costs_its_whole_lineage_of_work(client: MlflowClient, home_dir: Path) -> None:
    first = make_version(client, "m", home_dir / "one")
    add_training(client, first, trained("first", (1.0, 0.5)))
    add_evaluation(client, first, Cost.of_work(360, 0, None, CONFIG))
    second = make_version(client, "m", home_dir / "two")
    add_training(client, second, trained("second", (2.0,), "models:/m@champion", "0" * 64))
    add_evaluation(client, second, Cost.of_work(360, 0, None, CONFIG))
    add_evaluation(client, second, Cost.of_work(360, 0, None, CONFIG))

    cost = read_cost(client.get_model_version("m", "2"))
    assert cost.training is not None
    assert cost.evaluation is not None
    assert cost.before is not None
    assert (cost.training.gpu_hours, cost.training.price) == (pytest.approx(2.0), pytest.approx(4.0))
    assert cost.evaluation.hours == pytest.approx(0.2)
    assert cost.evaluation.starts == 2
    assert cost.started_from == "models:/m/1"
    assert (cost.before.starts, cost.before.price) == (3, pytest.approx(3.0))
    assert cost.lineage is not None
    assert cost.lineage.hours == pytest.approx(2.2 + 1.6)
    text = client.get_model_version("m", "2").description
    assert "Training and evaluations took 2 h 12 min, 2 GPU hours, 4.00 EUR, 12 min of it without a price." in text
    (listed,) = (one for one in list_versions(home()) if one.version == "2")
    assert listed.cost == cost


def test_a_run_that_starts_from_another_run_costs_that_too(client: MlflowClient, home_dir: Path) -> None:
    before = trained("before", (1.0,))
    version = make_version(client, "m", home_dir / "one")
    add_training(client, version, trained("after", (1.0,), f"{before.path}/checkpoints/000000000008"))
    cost = read_cost(client.get_model_version("m", "1"))
    assert cost.started_from == "before"
    assert cost.before is not None
    assert cost.before.gpu_hours == pytest.approx(1.0)


def test_versions_of_older_releases_have_no_cost_and_a_wrong_tag_is_named(client: MlflowClient, home_dir: Path) -> None:
    version = make_version(client, "m", home_dir / "one")
    assert read_cost(version).facts() == []
    client.set_model_version_tag("m", "1", VersionTags.name("cost"), "much")
    with pytest.raises(RegistryError, match=r"models:/m/1: the tag shardgan\.cost is not valid"):
        read_cost(client.get_model_version("m", "1"))
