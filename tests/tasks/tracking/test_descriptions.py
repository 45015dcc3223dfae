"""What MLflow's pages say of a version and of its model."""

import json
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tasks.evaluation.publishing import _lineage
from tasks.home import home
from tasks.registry.decisions.succession import promote_version
from tasks.tracking.descriptions import describe, write_descriptions
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags
from tasks.trainer.config import Parent
from tests.tasks.conftest import make_version
from tests.tasks.registry.test_promotion import scores


@pytest.fixture
def client(home_dir: Path) -> MlflowClient:
    client = connect(home())
    client.create_registered_model("m")
    return client


def test_a_version_says_what_it_is_and_how_to_load_it(client: MlflowClient, home_dir: Path) -> None:
    version = make_version(client, "m", home_dir / "one")
    scored = scores(5.25).with_real({"FD-MobileNetV2": 1.5})
    tags = VersionTags(
        dataset="cats|dogs",
        dataset_version="0123456789abcdef",
        nimg=4_000,
        chosen="newest checkpoint",
        scores={scored.protocol.digest(): scored.model_dump_json()},
    )
    tags.write(client, version)
    promote_version.fn("models:/m/1", "it <b>looks</b> right")
    text = client.get_model_version("m", "1").description
    assert "Trained on cats\\|dogs 0123456789ab." in text
    assert "4,000 images" in text
    assert "| FD-MobileNetV2 | 5.25 |  | 1.5 |" in text
    assert "Became champion" in text
    assert "<b>" not in text
    assert 'load_model("models:/m/1")' in text
    assert "The champion is version 1." in client.get_registered_model("m").description


def test_a_blend_is_named_with_its_shares(client: MlflowClient, home_dir: Path) -> None:
    version = make_version(client, "m", home_dir / "one")
    shares = {"a": 0.7, "b": 0.3}
    parents = [Parent(dataset=name, version="0123", manifest=name, share=share) for name, share in shares.items()]
    content = json.dumps([one.model_dump() for one in parents])
    VersionTags(dataset="a", nimg=4_000, chosen="newest checkpoint", parents=content).write(client, version)
    text = describe(client, client.get_model_version("m", "1"))
    told = "- a@0123: 0.7 of the images\n- b@0123: 0.3 of the images\n\nThe weights have seen 4,000 images"
    assert f"trained on a blend of datasets:\n{told}" in text.replace("Trained", "trained")
    blend = _lineage(client.get_model_version("m", "1"))["Blend"]
    assert blend.startswith("a@0123: 0.7 of the images, b@0123: 0.3 of the images. Scores, memorised")


def test_a_version_with_many_protocols_is_described_within_mlflows_limit(client: MlflowClient, home_dir: Path) -> None:
    version = make_version(client, "m", home_dir / "one")
    scored = scores(5.25).model_dump_json()
    VersionTags(scores={f"{number:012d}": scored for number in range(40)}).write(client, version)
    write_descriptions(client, version)
    text = client.get_model_version("m", "1").description
    assert len(text) <= 5000
    assert "000000000001" in text
    assert 'load_model("models:/m/1")' in text


def test_a_version_shows_the_newest_grid_of_its_weights(client: MlflowClient, home_dir: Path) -> None:
    run = client.create_run(client.create_experiment("some"))
    for name in ("000000001000.png", "000000002000.png", "000000003000.png", "real.png"):
        (home_dir / name).write_bytes(b"a picture")
        client.log_artifact(run.info.run_id, str(home_dir / name), "samples")
    source = make_version(client, "m", home_dir / "one").source
    tags = VersionTags(dataset="cats", nimg=2_500).as_tags()
    version = client.create_model_version("m", source, run_id=run.info.run_id, tags=tags)
    address = f"get-artifact?path=samples%2F000000002000.png&run_uuid={run.info.run_id}"
    assert f"![grid of generated images]({address})" in describe(client, version)


def test_the_text_of_a_person_stays(client: MlflowClient, home_dir: Path) -> None:
    version = make_version(client, "m", home_dir / "one")
    client.update_model_version("m", "1", "mine")
    client.update_registered_model("m", "ours")
    write_descriptions(client, version)
    assert client.get_model_version("m", "1").description == "mine"
    assert client.get_registered_model("m").description == "ours"


def test_a_version_whose_tags_are_damaged_is_left_without(
    client: MlflowClient, home_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    version = make_version(client, "m", home_dir / "one")
    client.set_model_version_tag("m", "1", VersionTags.name("nimg"), "many")
    write_descriptions(client, version)
    assert "models:/m/1 has no description: models:/m/1: the tag shardgan.nimg is 'many'" in caplog.text
    assert not client.get_model_version("m", "1").description


def test_describing_twice_gives_the_same_text(client: MlflowClient, home_dir: Path) -> None:
    version = make_version(client, "m", home_dir / "one")
    write_descriptions(client, version)
    assert client.get_model_version("m", "1").description == describe(client, version)
