"""What is done with registered models: generate a dataset, follow the lineage, promote, roll back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

import shards
from flows.configs import TrainGanConfig
from flows.stages.generate_images import generate_images
from flows.stages.train_gan import train_gan
from models.compute.config import ComputeConfig
from models.training.loop import TrainConfig
from tasks.datasets.config import GenerateConfig
from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry.audit import LineageOutcome, trace_lineage
from tasks.registry.config import LineageConfig
from tasks.registry.versions import find_champion
from tasks.tracking.model_ref import CHAMPION
from tasks.tracking.runs import connect
from tasks.training.outcome import TrainOutcome
from tests.conftest import write_collection
from tests.console import Console, open_console, user_environment
from tests.tasks.conftest import make_version

pytestmark = pytest.mark.usefixtures("prefect_server")

TRAIN = TrainConfig(
    family="dcgan",
    nimg=32,
    batch_size=8,
    width=4,
    latent_dim=8,
    tick_nimg=16,
    compute=ComputeConfig(threads=1, device="cpu"),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainOutcome]:
    """A tiny model, trained and made champion, in a home that the module shares."""
    root = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDGAN_HOME", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        source = write_collection(root / "pictures")
        config = shards.ShardConfig(source=str(source), dataset="tiny", resolution=16, val_fraction=0.3, workers=1)
        outcome = train_gan(TrainGanConfig(dataset=shards.build(config, root).manifest, train=TRAIN))
        connect(home()).set_registered_model_alias("tiny", CHAMPION, outcome.model.version)
        yield outcome


@pytest.fixture(scope="module")
def console(trained: TrainOutcome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """The command line on the module's home and Prefect server."""
    environment = user_environment(home().root) | {"PREFECT_API_URL": str(PREFECT_API_URL.value())}
    with open_console(tmp_path_factory.mktemp("console"), environment) as console:
        yield console


def lineage() -> LineageOutcome:
    return trace_lineage(LineageConfig(model="models:/tiny@champion"))


def problems_of(outcome: LineageOutcome) -> dict[str, str]:
    return {link.what: " ".join(link.problems) for link in outcome.links if link.problems}


def test_what_a_model_generates_is_a_dataset_to_train_on(trained: TrainOutcome, console: Console) -> None:
    config = GenerateConfig(model="models:/tiny@champion", dataset="made", num_images=40, truncation=0.9, workers=1)
    made = generate_images(config)
    assert (made.model, made.seen, made.quarantined, made.reused) == (trained.model.uri, 40, 0, False)
    manifest = shards.Dataset.open(made.manifest).manifest
    assert manifest.synthetic is not None
    assert manifest.source == manifest.synthetic.model == trained.model.uri
    assert manifest.synthetic.weights_sha256 == made.weights_sha256
    assert manifest.labels == ["bright", "dark"]
    assert {sample.suffix for sample in shards.Dataset.open(made.manifest).stream("train")} == {"png"}
    assert list(shards.Dataset.open(made.manifest).find_damage()) == []
    assert not list((home().root / "generated").iterdir())

    assert generate_images(config) == made.model_copy(update={"reused": True})
    other = generate_images(config.model_copy(update={"seed": 1}))
    assert other.version != made.version
    asked = ["--model", "tiny", "--num-images", "40", "--dataset", "made", "--truncation", "0.9"]
    assert console.ask("generate", *asked) == (0, made.model_dump() | {"reused": True})
    assert shards.Dataset.open("made", home().root).uri == made.manifest

    again = train_gan(TrainGanConfig(dataset="made", model="second", train=TRAIN))
    assert again.run.startswith("made-dcgan-")
    assert trace_lineage(LineageConfig(model="second")).whole


def test_a_class_that_the_model_does_not_have_is_refused(trained: TrainOutcome) -> None:
    with pytest.raises(RegistryError, match=r"label is 5; models:/tiny/1 accepts 0 to 1 \(bright, dark\) or -1"):
        generate_images(GenerateConfig(model="models:/tiny/1", dataset="made", label=5))


def test_one_class_alone_is_an_unlabelled_dataset(trained: TrainOutcome, tmp_path: Path) -> None:
    config = GenerateConfig(model="models:/tiny/1", dataset="dark", num_images=20, label=1, out=str(tmp_path))
    made = generate_images(config.model_copy(update={"workers": 1, "format": "webp"}))
    assert made.manifest.startswith(str(tmp_path / "datasets" / "dark"))
    assert shards.Dataset.open(made.manifest).labels == []


def test_lineage_leads_back_to_data_and_code(trained: TrainOutcome) -> None:
    links = {link.what: link.value for link in lineage().links}
    expected = ["version", "weights", "signature", "run", "config", "dataset", "shards", "code commit", "MLflow run"]
    assert list(links) == [*expected, "Prefect flow run"]
    assert links["run"] == trained.run_dir
    assert trained.mlflow_run_id in links["MLflow run"]
    assert len(links["Prefect flow run"]) == 36
    assert lineage().whole


def test_lineage_names_what_was_altered_or_is_missing(trained: TrainOutcome, console: Console) -> None:
    (manifest,) = home().root.glob("datasets/tiny/*/manifest.json")
    shard = next(manifest.parent.glob("train-*.tar"))
    (weights,) = home().root.glob(f"mlartifacts/**/{lineage_model_id(trained)}/**/weights.safetensors")
    for path, what, message in [
        (shard, "shards", "it was altered"),
        (weights, "weights", "weights.safetensors has sha256"),
        (Path(trained.run_dir, "config.json"), "config", "config.json"),
    ]:
        content = path.read_bytes()
        path.write_bytes(content.replace(b'"tiny"', b'"tinx"') if path.suffix == ".json" else flipped(content))
        assert message in problems_of(lineage())[what]
        path.write_bytes(content)
    manifest.write_text(manifest.read_text().replace('"val_fraction": 0.3', '"val_fraction": 0.4'))
    assert "its settings and samples give" in problems_of(lineage())["shards"]
    manifest.write_text(manifest.read_text().replace('"val_fraction": 0.4', '"val_fraction": 0.3'))
    shard.rename(shard.with_suffix(".away"))
    status, shown = console.ask("lineage", "models:/tiny@champion")
    shard.with_suffix(".away").rename(shard)
    assert (status, shown["whole"]) == (1, False)
    assert any(shard.name in problem for link in shown["links"] for problem in link["problems"])
    assert lineage().whole


def lineage_model_id(trained: TrainOutcome) -> str:
    source = connect(home()).get_model_version("tiny", trained.model.version).source
    return str(source).removeprefix("models:/")


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def test_promote_and_rollback_from_the_command_line(trained: TrainOutcome, console: Console) -> None:
    client = connect(home())
    foreign = client.create_model_version("tiny", (home().root / "elsewhere").as_uri())
    status, refused = console.ask("promote", "--model", f"models:/tiny/{foreign.version}", "--why", "sharper")
    assert (status, refused["kind"]) == (2, "RegistryError")
    assert "cannot be champion: it has no tag shardgan.files_sha256" in refused["error"]
    second = make_version(client, "tiny", home().root / "second")
    status, promoted = console.ask("promote", "--model", f"models:/tiny/{second.version}", "--why", "sharper")
    assert (status, promoted["champion"], promoted["before"]) == (0, f"models:/tiny/{second.version}", "models:/tiny/1")
    status, back = console.ask("rollback", "--model", "tiny", "--why", "blurred")
    assert (status, back["champion"]) == (0, "models:/tiny/1")
    champion = find_champion(client, "tiny")
    assert champion is not None
    assert str(champion.version) == "1"
