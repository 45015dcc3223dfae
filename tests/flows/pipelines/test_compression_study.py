"""A study of a tiny collection, with Prefect's own test server and MLflow on SQLite: all codecs, one report."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.cli.plans import plan_study
from flows.configs import CompressionStudyConfig
from flows.pipelines.compression_study import compression_study
from models.compute.config import ComputeConfig
from models.metrics.config import EvalConfig
from models.training.loop import TrainConfig
from shards import ShardConfig
from tasks.errors import RequestError
from tasks.home import home
from tasks.study.budgets.publishing import BudgetOutcome
from tasks.study.config import StudyConfig
from tasks.tracking.runs import connect

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def config(collection: Path, home_dir: Path) -> CompressionStudyConfig:
    return CompressionStudyConfig(
        shard=ShardConfig(source=str(collection), dataset="tiny", resolution=16, val_fraction=0.3, workers=1),
        study=StudyConfig(codecs=("png",)),
        train=TrainConfig(
            family="dcgan",
            nimg=32,
            batch_size=8,
            width=4,
            latent_dim=8,
            tick_nimg=16,
            compute=ComputeConfig(threads=1, device="cpu"),
        ),
        evaluate=EvalConfig(num_images=16, input_size=32, device="cpu"),
    )


def measured(run_id: str) -> dict[str, int]:
    """What the study keeps, with the time at which it was written."""
    folder = next((home().mlartifacts / "tiny-study").glob(f"**/{run_id}/artifacts/measured"))
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_study_ends_in_a_report_and_trainings_add_to_it(config: CompressionStudyConfig) -> None:
    images = config.model_copy(update={"study": StudyConfig(codecs=("png", "jpeg:20"), num_seeds=0)})
    first = compression_study(images)
    assert [row.codec for row in first.codecs] == ["original", "png", "jpeg:20"]
    assert [row.trained for row in first.codecs] == [None] * 3
    original, png, jpeg = first.codecs
    assert (original.re_encoded, png.re_encoded) == pytest.approx((0, 0), abs=1e-6)
    assert jpeg.bytes_per_image < png.bytes_per_image
    assert jpeg.re_encoded > 1
    assert jpeg.alone > original.alone
    kept = measured(first.mlflow_run_id)

    second = compression_study(config)
    assert second.mlflow_run_id == first.mlflow_run_id
    original, png = second.codecs
    # The collection's files are larger than the shards' images: both codecs store the same pixels, trained on once.
    assert original.models == png.models == ["models:/tiny-study/1"]
    assert None not in (original.trained, original.saved)
    assert (original.trained, original.saved) == pytest.approx((png.trained, png.saved))
    # Nothing was measured again: the kept numbers are read, so they are the same to the last digit.
    assert (png.alone, png.re_encoded) == (first.codecs[1].alone, first.codecs[1].re_encoded)
    assert kept.items() <= measured(first.mlflow_run_id).items()

    client = connect(home())
    parent = client.get_run(first.mlflow_run_id)
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["study/png/trained"] == png.trained
    assert parent.data.tags["shardgan.advice"] == second.advice
    nested = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    (child,) = client.search_runs([parent.info.experiment_id], nested)
    assert child.data.params["train.health.score_ticks"] == "0"
    page = Path(second.report).read_text()
    assert "[-1, 1] in bfloat16" in page
    # The collection's JPEG, WebP and GIF files are no clean images.
    assert "The source is not clean" in page
    with get_client(sync_client=True) as prefect:
        keys = ArtifactFilter(key=ArtifactFilterKey(any_=["compression-study"]))
        artifacts = prefect.read_artifacts(artifact_filter=keys)
    assert any(second.advice in str(artifact.data) for artifact in artifacts)


def test_a_dry_run_says_what_it_would_cost_and_touches_nothing(config: CompressionStudyConfig) -> None:
    larger = config.model_copy(update={"study": StudyConfig(codecs=("png", "jpeg:20"), num_seeds=2)})
    shards, training, scoring, total, places = plan_study(larger)
    assert shards.startswith("shard 49 files as 3 dataset versions: original, png, jpeg:20; about")
    assert training.startswith(
        "train dcgan 6 times at most (codecs that give the same pixels share a training), 32 images"
    )
    assert "192 in all; about" in training
    assert "images/s measured here" in scoring
    assert re.fullmatch(r"in all about .* at most [\d.]+ KiB of disk for shards and .* for checkpoints", total)
    assert "tiny-study" in places
    assert not home().root.exists()


def test_a_study_without_val_images_is_refused_before_training(config: CompressionStudyConfig) -> None:
    without_val = config.model_copy(update={"shard": config.shard.model_copy(update={"val_fraction": 0.0})})
    with pytest.raises(RequestError, match="0 images in the split val"):
        compression_study(without_val)
    assert not home().runs.exists()


@pytest.mark.slow
def test_budgets_of_bytes_are_compared_and_found_again(config: CompressionStudyConfig, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(160):
        pixels = rng.integers(60, 200, (16, 16, 3), dtype=np.uint8)
        path = tmp_path / "many" / str(number % 2) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    study = StudyConfig.model_validate({"codecs": ("png", "jpeg:15"), "bytes": "40KB"})
    shard = config.shard.model_copy(update={"source": str(tmp_path / "many")})
    asked = config.model_copy(update={"study": study, "shard": shard})
    plan = plan_study(asked)
    assert (
        "train dcgan 3 times, 32 images each: png, jpeg:15, and again with train.compression=known: jpeg:15" in plan[1]
    )
    outcome = compression_study(asked)
    assert isinstance(outcome, BudgetOutcome)
    assert not outcome.failures
    rows = {(row.codec, row.robust): row for row in outcome.arms}
    assert set(rows) == {("png", False), ("jpeg:15", False), ("jpeg:15", True)}
    assert rows["png", False].num_images < rows["jpeg:15", False].num_images == rows["jpeg:15", True].num_images
    assert all(row.num_bytes <= 40_000 and len(row.distances) == 2 for row in outcome.arms)
    assert outcome.advice.startswith("With 40 KB, ")
    page = Path(outcome.report).read_text()
    assert outcome.advice in page
    assert "train.compression=known" in page
    kept = measured(outcome.mlflow_run_id)
    again = compression_study(asked)
    assert again == outcome
    assert measured(outcome.mlflow_run_id) == kept
