"""From a folder of images to a champion, with Prefect's own test server and MLflow on SQLite."""

import base64
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pyarrow.parquet as pq
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowFilter, FlowFilterName
from prefect.client.schemas.objects import Artifact, State
from prefect.exceptions import CancelledRun
from prefect.settings import get_current_settings

from flows.configs import PipelineConfig
from flows.pipelines.pipeline import PipelineOutcome, pipeline
from models.compute.config import ComputeConfig
from models.metrics.config import EvalConfig
from models.training.health_config import HealthConfig
from models.training.loop import TrainConfig
from shards import ShardConfig
from tasks.errors import RequestError
from tasks.flow_runs.exclusion import sole_run
from tasks.home import home
from tasks.registry.config import PromotionPolicy
from tasks.registry.versions import find_champion
from tasks.tracking.runs import connect

pytestmark = pytest.mark.usefixtures("prefect_server")


def read_artifacts(key: str) -> list[Artifact]:
    """The artifacts of that key on Prefect's server."""
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))


def states_of(flow: str) -> list[State]:
    """The states of all runs of that flow on Prefect's server."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])))
    return [run.state for run in runs if run.state]


# What opens buckets, databases and servers: planted, and looked for where a run leaves its traces.
CANARIES = {
    "AWS_ACCESS_KEY_ID": "canary-key-4f1b",
    "AWS_SECRET_ACCESS_KEY": "canary/secret+9c2e",
    "AWS_SESSION_TOKEN": "canary-token-77aa",
    "MLFLOW_TRACKING_PASSWORD": "canary-password-31d0",
    "SHARDGAN_DATABASE_URL": "postgresql://canary:canary-database-e8@127.0.0.1:1",
}


def find_canaries(*places: Path) -> list[str]:
    """The files in which a planted secret stands: plain, in base64, as part of a URL, or in a compressed table."""
    secrets = [secret.encode() for secret in CANARIES.values()]
    wanted = {*secrets, *map(base64.b64encode, secrets), *(quote_plus(secret).encode() for secret in secrets)}
    files = [path for place in places for path in [place, *place.rglob("*")] if path.is_file()]
    found = []
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content += str(pq.read_table(path).to_pylist()).encode()
        if any(secret in content for secret in wanted):
            found.append(str(path))
    return found


def prefect_databases() -> list[Path]:
    """The files of Prefect's database, its write-ahead log among them."""
    database = Path(str(get_current_settings().server.database.connection_url.get_secret_value()).partition("///")[2])
    found = sorted(database.parent.glob(f"{database.name}*"))
    assert found, database
    return found


@pytest.fixture
def config(collection: Path, home_dir: Path, monkeypatch: pytest.MonkeyPatch) -> PipelineConfig:
    for name, secret in CANARIES.items():
        monkeypatch.setenv(name, secret)
    return PipelineConfig(
        shard=ShardConfig(source=str(collection), dataset="tiny", resolution=16, val_fraction=0.3, workers=1),
        train=TrainConfig(
            family="dcgan",
            nimg=320,
            batch_size=8,
            width=4,
            latent_dim=8,
            tick_nimg=80,
            snapshot_ticks=2,
            compute=ComputeConfig(threads=1, device="cpu"),
            # Whatever the discriminator does is winning: an event that a person is to see everywhere.
            health=HealthConfig(won_accuracy=0.0, won_loss=100.0, won_ticks=2),
        ),
        evaluate=EvalConfig(num_images=16, input_size=32, device="cpu"),
        promote=PromotionPolicy(floors="off"),  # 48 images: too few for scores that decide by default
    )


def test_from_a_folder_to_a_champion_and_again_without_work(config: PipelineConfig, home_dir: Path) -> None:
    first = pipeline(config)
    assert (first.build.seen, first.build.kept, first.build.quarantined, first.build.reused) == (49, 48, 1, False)
    assert first.train.nimg == 320
    assert first.train.model.uri == "models:/tiny/1"
    assert first.evaluate.promoted
    assert first.evaluate.champion == "models:/tiny/1"
    labels, shares = ("EffNetLite0", "MobileNetV2"), {"precision", "recall", "density", "coverage"}
    distances = {name for label in labels for name in (f"FD-{label}", f"KD-{label}", f"KD-{label}-std")}
    second = {f"{share}-MobileNetV2" for share in shares}
    assert set(first.evaluate.scores) == distances | shares | second | {"memorised"}
    assert first.evaluate.why.startswith("there was no champion; FD-MobileNetV2 is ")
    assert "<html" in Path(first.report).read_text()

    client = connect(home())
    run = client.get_run(first.train.mlflow_run_id)
    assert run.info.status == "FINISHED"
    assert [point.step for point in client.get_metric_history(run.info.run_id, "loss_d")] == [80, 160, 240, 320]
    samples = {Path(item.path).name for item in client.list_artifacts(run.info.run_id, "samples")}
    assert {"real.png", "000000000000.png", "000000000320.png"} <= samples
    assert run.data.tags["shardgan.event.discriminator_won"].startswith("warn at 160 images: the discriminator was")
    (artifact,) = read_artifacts("health")
    assert '"event": "discriminator_won"' in str(artifact.data)

    check_what_prefect_shows(first)
    planted = home_dir / "planted"
    planted.write_bytes(b"x" + base64.b64encode(CANARIES["AWS_SECRET_ACCESS_KEY"].encode()))
    assert find_canaries(home_dir, *prefect_databases()) == [str(planted)]  # and nowhere else

    again = pipeline(config)
    assert again.nothing_new
    assert not first.nothing_new
    (ended,) = [state for state in states_of("pipeline") if state.name == "Nothing new"]
    assert ended.is_completed()
    assert "nothing new since models:/tiny/1 was made" in str(ended.message)
    assert again.build.reused
    assert again.train == first.train
    assert again.evaluate.scores == first.evaluate.scores  # read from the version's tags, not measured again
    assert again.evaluate.why == "version 1 is the champion already"
    assert len(client.get_metric_history(run.info.run_id, "loss_d")) == 4


def test_one_active_run_a_dataset(config: PipelineConfig) -> None:
    with sole_run("tiny", "wait"):
        with pytest.raises(CancelledRun, match="another run works on the dataset tiny"):
            pipeline(config.model_copy(update={"overlap": "cancel"}))
        assert "Overlap" in {state.name for state in states_of("pipeline") if state.is_cancelled()}
    assert not home().runs.exists()


def check_what_prefect_shows(outcome: PipelineOutcome) -> None:
    """Grids, one summary a flow run, readable names, versions as assets, and what the trainer said."""
    grids = read_artifacts("samples")
    assert {grid.description for grid in grids} >= {f"{outcome.train.run}: generated after 320 images"}
    assert all(str(grid.data).startswith("data:image/jpeg;base64,") for grid in grids)
    summaries = [str(one.data) for one in read_artifacts("summary")]
    (whole,) = [text for text in summaries if "48 kept" in text and "| Scores | FD-" in text]
    for needed in (outcome.build.version, outcome.train.run, outcome.report, "tiny version 1", "Weights sha256"):
        assert needed in whole
    with get_client(sync_client=True) as client:
        names = {run.name for run in client.read_flow_runs()}
        tasks = {run.name for run in client.read_task_runs()}
        logs = [log.message for log in client.read_logs()]
    for name in ("tiny-dcgan-16", "tiny-build-16", "tiny-train-dcgan", "tiny-1-evaluate"):
        assert any(re.fullmatch(rf"{name}-\d{{8}}-\d{{6}}", found) for found in names), names
    assert f"train-{outcome.train.run}" in tasks
    assert any("tasks.trainer.worker 320 images, loss_d" in line for line in logs)
    dataset, model = f"shardgan://datasets/tiny/{outcome.build.version}", "shardgan://models/tiny/1"
    made = {event["resource"]["prefect.resource.id"]: event for event in read_events("prefect.asset.materialization")}
    assert made[dataset]["payload"]["manifest"] == outcome.build.manifest
    assert dataset in {related["prefect.resource.id"] for related in made[model]["related"]}


def read_events(prefix: str) -> list[dict[str, Any]]:
    """The events whose names start with `prefix`, once those of the two versions have arrived."""
    deadline = time.monotonic() + 30
    while True:
        with get_client(sync_client=True) as client:
            asked = {"filter": {"event": {"prefix": [prefix]}}, "limit": 50}
            found: list[dict[str, Any]] = client.request("POST", "/events/filter", json=asked).json()["events"]
        if len(found) >= 2 or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def test_another_training_is_measured_against_the_champion(config: PipelineConfig) -> None:
    pipeline(config)
    other = config.model_copy(update={"train": config.train.model_copy(update={"seed": 1})})
    second = pipeline(other)
    assert second.train.model.uri == "models:/tiny/2"
    assert "against the champion's" in second.evaluate.why
    champion = find_champion(connect(home()), "tiny")
    assert champion is not None
    assert str(champion.version) == ("2" if second.evaluate.promoted else "1")


def test_a_dataset_that_cannot_be_scored_is_refused_before_training(config: PipelineConfig) -> None:
    without_val = config.model_copy(update={"shard": config.shard.model_copy(update={"val_fraction": 0.0})})
    with pytest.raises(RequestError, match=r"0 images in the split val.* larger shard\.val_fraction"):
        pipeline(without_val)
    assert not home().runs.exists()
