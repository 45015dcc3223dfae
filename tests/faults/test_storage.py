"""Storage that refuses: a bucket that takes no writes for a while or for good, and a disk that is full."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

import shards
from models.training.checkpoints import CheckpointStore, load_checkpoint
from shards import Dataset
from tasks.errors import TrainingFailed
from tasks.home import home
from tasks.trainer.run_directory import RunDirectory
from tasks.training.mirror import RunMirror
from tasks.training.process.supervision import raise_for
from tasks.training.stage import plan_run
from tests.conftest import write_collection
from tests.faults.buckets import Bucket
from tests.faults.training import TRAINING, Tell, weights_sha256
from tests.waiting import PATIENCE_SECONDS, wait_until

SHARDGAN = str(Path(sys.executable).with_name("shardgan"))
BUILD = ["--dataset", "tiny", "--resolution", "16", "shard.val_fraction=0.3", "shard.workers=1"]


@pytest.fixture
def bucket(bucket_server: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket as the home, writable again afterwards."""
    for name, value in bucket_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SHARDGAN_HOME", f"{bucket_server.uri}/{uuid4().hex}")
    monkeypatch.setenv("SHARDGAN_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield bucket_server
    bucket_server.refuse_writes(False)


def start(words: list[str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as file:
        return subprocess.Popen([SHARDGAN, *words], stdout=subprocess.PIPE, stderr=file, cwd=log.parent)


def names_in_bucket(bucket: Bucket) -> list[str]:
    return list(bucket.filesystem().find(home().shared.removeprefix("s3://")))


def test_bucket_refuses_for_a_while(bucket: Bucket, tmp_path: Path, tell: Tell) -> None:
    """Bucket refuses writes for a while in sharding."""
    source, log = write_collection(tmp_path / "pictures"), tmp_path / "log"
    bucket.refuse_writes(True)
    build = start(["build", "--source", str(source), *BUILD, "--json"], log)
    wait_until(lambda: build.poll() is not None or "Retry 1/3" in log.read_text(), what="the first retry")
    assert not any(name.endswith("manifest.json") for name in names_in_bucket(bucket))
    bucket.refuse_writes(False)
    output, _ = build.communicate(timeout=PATIENCE_SECONDS)
    assert build.returncode == 0, log.read_text()[-2000:]
    manifest = json.loads(output)["manifest"]
    assert not list(Dataset.open(manifest).find_damage())
    tell(f"{log.read_text().count('will start')} retries, then complete, every hash right")


def test_bucket_refuses_for_good(bucket: Bucket, tmp_path: Path, tell: Tell) -> None:
    """Bucket refuses writes for good in sharding, later not."""
    source, log = write_collection(tmp_path / "pictures"), tmp_path / "log"
    words = ["build", "--source", str(source), *BUILD, "--json"]
    bucket.refuse_writes(True)
    build = start(words, log)
    output, _ = build.communicate(timeout=PATIENCE_SECONDS)
    assert build.returncode == 1
    error = json.loads(output)["error"]
    assert "cannot be written" in error
    assert "run the same command again" in error
    assert not any(name.endswith("manifest.json") for name in names_in_bucket(bucket))
    tell(f"{log.read_text().count('will start')} retries, then failed: {error[:90]}...; no manifest to read")
    bucket.refuse_writes(False)
    again = start(words, log)
    output, _ = again.communicate(timeout=PATIENCE_SECONDS)
    assert again.returncode == 0, log.read_text()[-2000:]
    assert not list(Dataset.open(json.loads(output)["manifest"]).find_damage())
    tell("the same command completed it")


def test_bucket_refuses_in_training(bucket: Bucket, tmp_path: Path, tell: Tell) -> None:
    """Bucket refuses writes for a while in training."""
    source, log = write_collection(tmp_path / "pictures"), tmp_path / "log"
    config = shards.ShardConfig(source=str(source), dataset="tiny", resolution=16, val_fraction=0.3, workers=1)
    shards.build(config, home().shared)
    plan = plan_run("tiny", TRAINING)
    run = RunDirectory(home().runs / plan.run)
    training = start(["train", "--dataset", "tiny", "--json", *flags_of_training()], log)
    mirror = RunMirror(run, f"{home().shared}/runs")
    wait_until(lambda: training.poll() is not None or mirror._committed(), what="the first copied checkpoint")
    bucket.refuse_writes(True)
    wait_until(lambda: training.poll() is not None or "tries again" in log.read_text(), what="the first refusal")
    whole = mirror._committed()
    assert whole
    bucket.refuse_writes(False)
    training.communicate(timeout=PATIENCE_SECONDS)
    assert training.returncode == 0, log.read_text()[-2000:]
    assert mirror._committed() == [path.name for path in CheckpointStore(run.checkpoints).committed()]
    elsewhere = RunDirectory(tmp_path / run.name)
    elsewhere.create(plan)
    RunMirror(elsewhere, f"{home().shared}/runs").pull()
    assert weights_sha256(elsewhere) == weights_sha256(run)
    tell(f"training went on, {log.read_text().count('tries again')} warnings, then all checkpoints were copied, whole")


def flags_of_training() -> list[str]:
    """The settings of TRAINING as the command line takes them."""
    return [f"--{name}={value}" for name, value in flat(TRAINING.model_dump(mode="json"), "train").items()]


def flat(tree: dict[str, object], prefix: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in tree.items():
        found |= flat(value, f"{prefix}.{key}") if isinstance(value, dict) else {f"{prefix}.{key}": value}
    return found


# A trainer in $1/run on a file system of $2 KB, beside a file that leaves it $3 KB; then again without that file.
ON_A_SMALL_DISK = """
mkdir "$1/disk"
mount -t tmpfs -o size="$2"k none "$1/disk" || exit 9
cp -r "$1/run" "$1/disk/run"
head -c $(($2 - $3))K /dev/zero > "$1/disk/ballast"
"${@:4}" "$1/disk/run" > "$1/train.log" 2>&1
cp -r "$1/disk/run" "$1/full"
mv "$1/train.log" "$1/full/train.log"
rm "$1/disk/ballast"
"${@:4}" "$1/disk/run"; status=$?
cp -r "$1/disk/run" "$1/free"
exit $status
"""


@pytest.mark.parametrize("kilobytes", [60, 150, 300])
def test_disk_full_in_training(dataset: str, tmp_path: Path, kilobytes: int, tell: Tell) -> None:
    """Disk full in training."""
    config = TRAINING.model_copy(update={"nimg": 1_600, "tick_nimg": 160})
    whole, run = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "run")
    for one in (whole, run):
        one.create(plan_run("tiny", config))
    small = ["unshare", "--map-root-user", "--mount", "bash", "-c", ON_A_SMALL_DISK, "bash", str(tmp_path), "4000"]
    trainer = [sys.executable, "-m", "tasks.trainer.worker"]
    done = subprocess.run([*small, str(kilobytes), *trainer], capture_output=True, text=True, check=False)
    if done.returncode == 9:
        pytest.skip("needs user namespaces in which a tmpfs may be mounted")
    full, free = RunDirectory(tmp_path / "full"), RunDirectory(tmp_path / "free")
    with pytest.raises(TrainingFailed) as caught:
        raise_for(full, 1, before=0)
    assert "No space left on device" in str(caught.value), done.stderr[-3000:]
    assert all(load_checkpoint(path) for path in CheckpointStore(full.checkpoints).committed())
    tell(f"{kilobytes} KB left: {str(caught.value).replace(str(tmp_path), '')[:150]}")
    assert done.returncode == 0, done.stderr[-3000:]
    subprocess.run([*trainer, str(whole.path)], check=True, capture_output=True)
    assert weights_sha256(free) == weights_sha256(whole)
    tell("with room again it went on, weights bit-identical")
