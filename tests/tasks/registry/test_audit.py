"""The lineage of a version, link by link: what is said where all is whole, and about each thing that was altered."""

import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from mlflow.entities import Dataset, DatasetInput
from pydantic import ValidationError

from models.networks.families import NetworkSpec
from models.training.checkpoints import file_sha256
from models.training.config import TrainConfig
from tasks.home import home
from tasks.registry.audit import LineageOutcome, Link, trace_lineage
from tasks.registry.config import VERIFY_KEY, LineageConfig
from tasks.registry.signing import files_sha256
from tasks.tracking.runs import RunTracker, connect
from tasks.tracking.tags import RunTags, VersionTags
from tasks.trainer.run_directory import RunConfig, RunDirectory

NUMBERS = count()
VERSION = "13e21b1445a4632a"  # the hash of the settings and samples of `write_dataset`
NO_KEY = f"not checked: {VERIFY_KEY} names no key"


class Origin(NamedTuple):
    """Where all versions of this file come from."""

    run: RunDirectory
    run_id: str


def write_dataset(folder: Path) -> Path:
    """Write a dataset of one shard, and return its manifest. Nothing in these tests decodes its images."""
    folder.mkdir()
    shard = folder / "train-000000.tar"
    with tarfile.open(shard, "w") as tar:
        for number in range(3):
            tar.addfile(tarfile.TarInfo(f"{number}.png"))
    record = {"url": shard.name, "split": "train", "nsamples": 3, "bytes": shard.stat().st_size}
    manifest = {
        "name": f"tiny@{VERSION}",
        "dataset": "tiny",
        "version": VERSION,
        "source": "/pictures",
        "labels": [],
        "resolution": 16,
        "channels": 1,
        "counts": {"seen": 3, "kept": 3, "duplicates": 0, "quarantined": 0, "reasons": {}},
        "num_samples_by_split": {"train": 3},
        "classes_by_split": {"train": {}},
        "shardlist": [record | {"sha256": file_sha256(shard)}],
        "settings": {},
        "libraries": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder / "manifest.json"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, mlflow_tables: Path) -> Iterator[Origin]:
    """A home with a dataset, a run that is recorded in MLflow, and a registered model without versions."""
    root = tmp_path_factory.mktemp("lineage")
    shutil.copy(mlflow_tables, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDGAN_HOME", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv(VERIFY_KEY, raising=False)
        manifest = str(write_dataset(root / "tiny"))
        network = NetworkSpec(family="dcgan", resolution=16, channels=1, num_classes=0, latent_dim=4, width=4)
        plan = RunConfig(
            run="tiny-dcgan-0",
            manifest=manifest,
            dataset="tiny",
            dataset_version=VERSION,
            labels=[],
            network=network,
            train=TrainConfig(family="dcgan"),
            commit="c0ffee",
        )
        run = RunDirectory(home().runs / plan.run)
        run.create(plan)
        client = connect(home())
        client.create_registered_model("m")
        tracker = RunTracker(client, home(), run, {})
        tracker.finish()
        yield Origin(run, tracker.run_id)


def write_files(folder: Path, **hashes: str) -> VersionTags:
    """Write the files of a version, with other hashes in spec.json where they are given; return the tags for them."""
    artifacts = folder / "artifacts"
    artifacts.mkdir(parents=True)
    (folder / "MLmodel").write_text("")
    (artifacts / "weights.safetensors").write_bytes(b"weights")
    (artifacts / "network.py").write_text("# code\n")
    digests = {
        "weights": file_sha256(artifacts / "weights.safetensors"),
        "network": file_sha256(artifacts / "network.py"),
    }
    (artifacts / "spec.json").write_text(json.dumps({"sha256": digests | hashes}))
    return VersionTags(weights_sha256=digests["weights"], files_sha256=files_sha256(folder))


def trace(
    origin: Origin, *, run_id: str | None = None, hashes: dict[str, str] | None = None, **tags: str
) -> tuple[LineageOutcome, dict[str, Link]]:
    """Register a version with some other tags, and trace it. Returns the outcome, and its links by what they are."""
    client, config = connect(home()), origin.run.config()
    folder = home().root / "versions" / str(next(NUMBERS))
    proven = write_files(folder, **(hashes or {})).as_tags()
    lineage = VersionTags(
        run=config.run,
        dataset=config.dataset,
        dataset_version=config.dataset_version,
        manifest=config.manifest,
        commit="c0ffee",
    ).as_tags()
    changed = {VersionTags.name(field): value for field, value in tags.items()}
    version = client.create_model_version(
        "m", folder.as_uri(), origin.run_id if run_id is None else run_id or None, tags=lineage | proven | changed
    )
    outcome = trace_lineage(LineageConfig(model=f"models:/m/{version.version}"))
    return outcome, {link.what: link for link in outcome.links}


def problems(links: dict[str, Link]) -> dict[str, list[str]]:
    return {what: link.problems for what, link in links.items() if link.problems}


def test_outcome_is_told_line_by_line() -> None:
    links = [Link(what="run", value="r"), Link(what="weights", value="w", problems=["too old", "too new"])]
    broken = LineageOutcome(model="models:/m/1", whole=False, links=links)
    assert broken.facts() == [
        ("run", "r"),
        ("weights", "w"),
        ("", "WRONG: too old"),
        ("", "WRONG: too new"),
        ("lineage", "broken"),
    ]
    whole = LineageOutcome(model="models:/m/1", whole=True, links=links[:1])
    assert whole.facts() == [("run", "r"), ("lineage", "whole: every hash is as recorded")]


def test_outcome_cannot_be_changed_afterwards() -> None:
    link = Link(what="run", value="r", problems=["lost"])
    outcome = LineageOutcome(model="models:/m/1", whole=False, links=[link])
    with pytest.raises(ValidationError, match="frozen"):
        link.problems = []
    with pytest.raises(ValidationError, match="frozen"):
        outcome.whole = True


def test_whole_lineage_names_every_link(origin: Origin) -> None:
    outcome, links = trace(origin)
    path = origin.run.path / "config.json"
    assert outcome.whole
    assert problems(links) == {}
    assert {what: link.value for what, link in links.items()} == {
        "version": outcome.model,
        "weights": f"sha256 {hashlib.sha256(b'weights').hexdigest()}",
        "signature": f"none, {NO_KEY}",
        "run": str(origin.run.path),
        "config": f"{path}, sha256 {file_sha256(path)}",
        "dataset": f"tiny@{VERSION} in {origin.run.config().manifest}",
        "shards": "1 with 3 images from /pictures",
        "code commit": "c0ffee",
        "MLflow run": f"{origin.run_id} (FINISHED)",
        "Prefect flow run": "none: it was trained outside of a flow",
    }


def test_missing_tags_are_named(origin: Origin) -> None:
    outcome, links = trace(origin, commit="", manifest="", run="")
    assert not outcome.whole
    assert links["version"].problems == [
        f"the version has no tag shardgan.{field}" for field in ("run", "manifest", "commit")
    ]
    assert (links["code commit"].value, links["code commit"].problems) == (
        "unknown",
        ["the commit of the code is not known"],
    )
    assert links["dataset"].value == "unknown"
    assert len(links["dataset"].problems) == 1
    assert "shards" not in links


def test_weights_that_differ_from_the_tag_or_from_their_record_are_told(origin: Origin) -> None:
    actual = trace(origin)[1]["weights"].value.removeprefix("sha256 ")
    outcome, links = trace(origin, weights_sha256="0" * 64)
    assert links["weights"].value == f"sha256 {'0' * 64}"
    assert problems(links) == {
        "weights": [f"spec.json says the weights have sha256 {actual}, the version's tag says {'0' * 64}"]
    }
    assert not outcome.whole
    _, links = trace(origin, hashes={"network": "1" * 64})
    (problem,) = problems(links)["weights"]
    assert problem.startswith("network.py has sha256 ")
    assert problem.endswith(f", expected {'1' * 64}")


def test_signer_is_named_and_a_key_to_verify_with_is_used(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    assert trace(origin, signed_by="abc")[1]["signature"].value == f"by the key abc, {NO_KEY}"
    key = home().root / "key.pub"
    key.write_text("a key")
    monkeypatch.setenv(VERIFY_KEY, str(key))
    _, links = trace(origin, signed_by="abc")
    assert links["signature"].value == "by the key abc"
    assert links["signature"].problems == [
        f"it is not signed, and {VERIFY_KEY} asks for it; sign it with `shardgan sign`"
    ]


def test_version_without_a_run_in_mlflow_leads_to_the_run_directory_of_its_tag(origin: Origin) -> None:
    _, links = trace(origin, run_id="")
    assert problems(links) == {"MLflow run": ["the tracking server has no such run"]}
    assert (links["MLflow run"].value, links["run"].value) == ("none", str(origin.run.path))
    _, links = trace(origin, run_id="gone")
    assert (links["MLflow run"].value, links["MLflow run"].problems) == ("gone", problems(links)["MLflow run"])


def test_run_directory_that_is_not_there_is_named(origin: Origin) -> None:
    for tag, name in (("other", "other"), ("", "unknown")):
        _, links = trace(origin, run_id="", run=tag)
        expected = [f"there is no run directory {home().runs / name} on this machine"]
        assert (links["run"].value, links["run"].problems) == (name, expected)
        assert "config" not in links


@pytest.fixture
def moved(origin: Origin, tmp_path: Path) -> tuple[str, Path]:
    """An MLflow run whose directory lies elsewhere, made by a flow, without a dataset: its id and the directory."""
    shutil.copytree(origin.run.path, tmp_path / "moved")
    tags = RunTags(run_dir=str(tmp_path / "moved")).as_tags() | {"prefect.flow_run_id": "f1"}
    return connect(home()).create_run("0", tags=tags).info.run_id, tmp_path / "moved"


def test_run_of_a_flow_in_another_folder(origin: Origin, moved: tuple[str, Path]) -> None:
    run_id, path = moved
    _, links = trace(origin, run_id=run_id)
    assert (links["run"].value, links["Prefect flow run"].value) == (str(path), "f1")
    assert problems(links) == {"MLflow run": [f"its inputs are none, not tiny@{VERSION}"]}
    assert links["MLflow run"].value == f"{run_id} (RUNNING)"
    dataset = Dataset(name="tiny", digest="other", source_type="local", source="{}")
    connect(home()).log_inputs(run_id, [DatasetInput(dataset, [])])
    _, links = trace(origin, run_id=run_id)
    assert problems(links) == {"MLflow run": [f"its inputs are tiny@other, not tiny@{VERSION}"]}


def test_settings_that_differ_from_the_version_are_told(origin: Origin, moved: tuple[str, Path]) -> None:
    _, links = trace(origin, dataset="huge")
    assert links["config"].problems == ["config.json says dataset tiny, the version says huge"]
    run_id, path = moved
    settings = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(settings | {"commit": 5}))
    _, links = trace(origin, run_id=run_id)
    assert links["config"].problems == ["config.json is not a run's: Input should be a valid string"]


def test_dataset_of_another_version_is_told(origin: Origin) -> None:
    _, links = trace(origin, dataset_version="0123")
    assert links["dataset"].problems == [f"it is version {VERSION}, but the training used 0123"]


def test_dataset_that_is_lost_or_damaged_is_told(origin: Origin, tmp_path: Path) -> None:
    manifest = Path(origin.run.config().manifest)
    copied = tmp_path / "copied" / manifest.name
    shutil.copytree(manifest.parent, copied.parent)
    next(copied.parent.glob("*.tar")).unlink()
    _, links = trace(origin, manifest=str(copied))
    (problem,) = links["shards"].problems
    assert "cannot be read" in problem
    assert links["dataset"].value == f"tiny@{VERSION} in {copied}"
    copied.unlink()
    _, links = trace(origin, manifest=str(copied))
    assert links["dataset"].value == str(copied)
    assert len(links["dataset"].problems) == 1


MADE = {"model": "models:/m/1", "weights_sha256": "0" * 64, "num_images": 12, "seed": 0, "label": -1}
MADE |= {"truncation": 1.0, "format": "png"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"synthetic": MADE}, ", made by models:/m/1"),
        ({"synthetic": MADE, "marked_generated": 2}, ", made by models:/m/1"),
        ({"source_synthetic": MADE, "marked_generated": 2}, ", from images that models:/m/1 made"),
        ({"marked_generated": 2}, ", with 2 files that say that they were generated"),
    ],
)
def test_dataset_of_generated_images_says_so(
    changes: dict[str, object], told: str, origin: Origin, tmp_path: Path
) -> None:
    manifest = Path(origin.run.config().manifest)
    copied = tmp_path / "copied" / manifest.name
    shutil.copytree(manifest.parent, copied.parent)
    copied.write_text(json.dumps(json.loads(manifest.read_text()) | changes))
    _, links = trace(origin, manifest=str(copied))
    assert links["dataset"].value == f"tiny@{VERSION} in {copied}{told}"
