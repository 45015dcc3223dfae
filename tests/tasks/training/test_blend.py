"""A training that draws from several datasets: planned, refused, resumed after a kill, and named in its lineage."""

import json
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from models.compute.config import ComputeConfig
from models.training.checkpoints import CheckpointStore
from models.training.config import TrainConfig
from shards import Dataset, DatasetError, ShardConfig, build
from tasks.errors import RegistryError, RequestError
from tasks.registry.audit import _wrong_config
from tasks.tracking.runs import parents_json, run_tags
from tasks.tracking.tags import VersionTags
from tasks.trainer.config import DataConfig, Parent, parse_blend
from tasks.trainer.run_directory import RunConfig, RunDirectory
from tasks.training.stage import plan_run
from tests.conftest import write_collection
from tests.tasks.trainer.test_batches import wait_for_ticks
from tests.trainers import Trainer

TRAIN = TrainConfig(
    family="dcgan",
    nimg=960,
    batch_size=8,
    width=8,
    latent_dim=8,
    tick_nimg=80,
    checkpoint_ticks=2,
    compute=ComputeConfig(threads=1, device="cpu"),
)


@pytest.fixture
def other(dataset: str, home_dir: Path, tmp_path: Path) -> Dataset:
    """A smaller dataset with the same classes, beside `tiny`."""
    source = write_collection(tmp_path / "others", 16, side=24)
    config = ShardConfig(source=str(source), dataset="other", resolution=16, val_fraction=0.25, workers=1)
    return Dataset.open(build(config, home_dir).manifest)


def planned(blend: str, **changes: object) -> RunConfig:
    return plan_run("tiny", TRAIN, DataConfig(blend=blend, **changes))


def test_plan_names_all_versions_with_their_shares(other: Dataset) -> None:
    plan = planned("other:1, tiny:3")
    assert [(one.dataset, one.share) for one in plan.parents] == [("tiny", 0.75), ("other", 0.25)]
    assert plan.parents[1] == Parent(dataset="other", version=other.manifest.version, manifest=other.uri, share=0.25)
    assert (plan.dataset, plan.manifest) == ("tiny", plan.parents[0].manifest)
    assert planned(f"tiny:3,{other.name}:1").run == plan.run
    assert len({plan.run, planned("tiny:1,other:1").run, plan_run("tiny", TRAIN).run}) == 3
    tiny = Dataset.open(plan.manifest).num_samples("train")
    by_size = [tiny, other.num_samples("train")]
    assert [one.share for one in planned("tiny,other").parents] == pytest.approx(
        [size / sum(by_size) for size in by_size], abs=1e-6
    )
    roots = [size**0.5 for size in by_size]
    assert [one.share for one in planned("tiny,other", temperature=2).parents] == pytest.approx(
        [root / sum(roots) for root in roots], abs=1e-6
    )


def test_wrong_blends_are_refused_by_a_sentence(other: Dataset) -> None:
    with pytest.raises(RequestError, match="the dataset of the training, must be one of them"):
        plan_run("tiny", TRAIN, DataConfig(blend=f"other:1,{other.uri}:1"))
    with pytest.raises(RequestError, match="must name each version once"):
        planned(f"tiny:1,other:1,{other.uri}:1")
    with pytest.raises(DatasetError, match="no dataset 'unknown'"):
        planned("tiny,unknown")
    with pytest.raises(RequestError, match=r"cannot be combined with train\.compression"):
        plan_run("tiny", TRAIN.model_copy(update={"compression": "learned"}), DataConfig(blend="tiny,other"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "at least two datasets"),
        ("a:1,a:2", "each of them once"),
        ("a:1,b", "some datasets a share and others none"),
        ("a:0,b:1", "not above 0"),
        ("a:nan,b:1", "not above 0"),
    ],
)
def test_text_that_is_no_blend_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DataConfig(blend=text)


def test_names_of_datasets_may_contain_colons() -> None:
    assert parse_blend("s3://bucket/a/manifest.json:0.5, b@12:1e-1") == [
        ("s3://bucket/a/manifest.json", 0.5),
        ("b@12", 0.1),
    ]
    assert parse_blend("s3://bucket/a/manifest.json,b") == [("s3://bucket/a/manifest.json", None), ("b", None)]
    with pytest.raises(ValidationError, match="mode=resident"):
        DataConfig(balance="classes", mode="streaming")


def test_lineage_names_all_parents(other: Dataset, tmp_path: Path) -> None:
    plan = planned("tiny:3,other:1")
    run = RunDirectory(tmp_path / "run")
    run.create(plan)
    tags = VersionTags.parse(run_tags(run, plan).as_tags() | {"shardgan.parents": parents_json(plan)})
    assert tags.read_parents() == plan.parents
    assert tags.read_parents()[1].describe() == f"{other.name}: 0.25 of the images"
    assert "shardgan.parents" not in run_tags(run, planned("")).as_tags()
    assert not [one for one in _wrong_config(run.path, tags) if "parents" in one]
    forged = tags.model_copy(update={"parents": ""})
    assert "parents" in " ".join(_wrong_config(run.path, forged))
    with pytest.raises(RegistryError, match="expected a JSON list of dataset versions"):
        VersionTags(parents="{}").read_parents()


def test_run_that_was_planned_before_blends_still_loads(dataset: str, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.create(plan_run("tiny", TRAIN))
    content = json.loads((run.path / "config.json").read_text())
    del content["parents"]
    for name in ("blend", "temperature", "balance"):
        del content["data"][name]
    (run.path / "config.json").write_text(json.dumps(content))
    run.create(plan_run("tiny", TRAIN))
    assert run.config().parents == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        DataConfig(blend="tiny:3,other:1", mode="streaming", shuffle_buffer=20, workers=2),
        DataConfig(blend="tiny:3,other:1", mode="resident", balance="classes"),
    ],
    ids=["streaming", "balanced"],
)
def test_blended_training_that_is_killed_ends_in_the_same_bits(
    other: Dataset, data: DataConfig, tmp_path: Path
) -> None:
    whole, killed = (RunDirectory(tmp_path / name) for name in ("whole", "killed"))
    for run in (whole, killed):
        run.create(plan_run("tiny", TRAIN, data))
    assert Trainer(whole).wait(300) == 0, whole.log.read_text()
    trainer = Trainer(killed)
    wait_for_ticks(killed, 5, trainer)
    trainer.kill()
    trainer.wait()
    assert Trainer(killed).wait(300) == 0, killed.log.read_text()
    ours, theirs = (CheckpointStore(run.checkpoints).load_latest() for run in (whole, killed))
    assert ours is not None
    assert theirs is not None
    assert ours.nimg == theirs.nimg == TRAIN.nimg
    assert all(torch.equal(ours.tensors[name], theirs.tensors[name]) for name in ours.tensors)
