"""Makes a home with many versions of one model and many runs: `... registry_home ROOT VERSIONS RUNS`.

The rows have the form of real ones: tags, settings, metrics and scores of a small training. MLflow makes the tables,
and the rows are written to them in bulk. All versions have the same small files, whose hash they carry.
"""

import json
import random
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from models.metrics.protocol import Protocol
from models.networks.spec import NetworkSpec
from models.training.config import TrainConfig
from tasks.home import Home
from tasks.registry.signing import files_sha256
from tasks.tracking.runs import connect, experiment_id, flatten
from tasks.tracking.tags import ModelTags, RunTags, VersionTags

MODEL, DATASET, DATASET_VERSION = "large", "large", "0123456789abcdef"
METRICS, TICKS = 15, 10
SCORE = "FD-MobileNetV2"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PROTOCOL = Protocol(
    feature_net="efficientnet-lite0",
    weights_sha256="0" * 64,
    input_size=224,
    resize_filter="bicubic-antialias-float",
    num_generated=2000,
    num_reference=2000,
    num_train=10_000,
    dataset=DATASET,
    dataset_version=DATASET_VERSION,
    split="val",
    seed=0,
    second_net="mobilenetv2",
    second_weights_sha256="1" * 64,
    second_input_size=224,
)
Rows = Iterator[Sequence[Any]]


def make_home(root: Path, versions: int, runs: int) -> None:
    """Make the home under `root`; nothing may be there yet."""
    home = Home(root, str(root))
    experiment = experiment_id(connect(home), home, DATASET)
    files = home.mlartifacts / "files"
    (files / "artifacts").mkdir(parents=True)
    (files / "artifacts" / "weights.safetensors").write_bytes(random.Random(0).randbytes(300_000))
    (files / "MLmodel").write_text("flavors: {}\n")
    with closing(sqlite3.connect(home.mlflow_database)) as tables, tables:
        _write_runs(tables, home, int(experiment), runs)
        _write_versions(tables, files, versions)
    _write_directories(home, runs)


def run_name(number: int) -> str:
    """The name of a run."""
    return f"{DATASET}-dcgan-{number:08x}"


def _time(number: int) -> int:
    return int((BEGIN + timedelta(minutes=number)).timestamp() * 1000)


def _write_runs(tables: sqlite3.Connection, home: Home, experiment: int, number_of_runs: int) -> None:
    settings = flatten({"train": TrainConfig().model_dump()})

    def runs() -> Rows:
        for number in range(number_of_runs):
            name, at = run_name(number), _time(number)
            place = f"{home.mlartifacts.as_uri()}/{DATASET}/{number:032x}/artifacts"
            yield (f"{number:032x}", name, "UNKNOWN", "bench", "FINISHED", at, at + 60_000, "active", place, experiment)

    def tags() -> Rows:
        for number in range(number_of_runs):
            given = RunTags(
                run=run_name(number),
                run_dir=str(home.runs / run_name(number)),
                live_page=(home.runs / run_name(number) / "live.html").as_uri(),
                dataset=DATASET,
                dataset_version=DATASET_VERSION,
                manifest=f"{home.root}/datasets/{DATASET}/{DATASET_VERSION}/manifest.json",
                commit="a" * 40,
                quick_protocol="0123456789ab",
                goodput="91 % of the time in steps",
                cost="0.2 CPU hours",
            ).as_tags()
            yield from ((key, value, f"{number:032x}") for key, value in given.items())

    def metrics() -> Rows:
        drawn = random.Random(1)
        for number in range(number_of_runs):
            for name in range(METRICS):
                for tick in range(TICKS):
                    yield f"metric-{name}", drawn.random(), _time(number) + tick, f"{number:032x}", tick, 0

    columns = "run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri"
    _insert(tables, f"runs({columns}, experiment_id)", runs())
    _insert(tables, "tags(key, value, run_uuid)", tags())
    params = (
        (key, str(value)[:500], f"{number:032x}") for number in range(number_of_runs) for key, value in settings.items()
    )
    _insert(tables, "params(key, value, run_uuid)", params)
    _insert(tables, "metrics(key, value, timestamp, run_uuid, step, is_nan)", metrics())
    tables.execute(
        "INSERT INTO latest_metrics(key, value, timestamp, step, is_nan, run_uuid) "
        "SELECT key, value, timestamp, step, is_nan, run_uuid FROM metrics WHERE step = ?",
        [TICKS - 1],
    )


def _write_versions(tables: sqlite3.Connection, files: Path, versions: int) -> None:
    champions = [str(number) for number in range(5, versions, 5)]  # the last one has the alias
    digest, drawn = files_sha256(files), random.Random(2)
    made = [_version_tags(number, digest, drawn.uniform(20, 80)) for number in range(1, versions + 1)]
    history = ModelTags(champions=json.dumps(champions)).as_tags()
    now = _time(0)
    _insert(tables, "registered_models(name, creation_time, last_updated_time)", [(MODEL, now, now)])
    _insert(tables, "registered_model_tags(key, value, name)", ((*tag, MODEL) for tag in history.items()))
    columns = "name, version, creation_time, last_updated_time, current_stage, source, storage_location, run_id, status"
    rows = (
        (MODEL, number, _time(number), _time(number), "None", files.as_uri(), files.as_uri(), f"{number:032x}", "READY")
        for number in range(1, versions + 1)
    )
    _insert(tables, f"model_versions({columns})", rows)
    tags = ((*tag, MODEL, number) for number, given in enumerate(made, 1) for tag in given.items())
    _insert(tables, "model_version_tags(key, value, name, version)", tags)
    aliases = [("champion", champions[-1], MODEL), ("challenger", versions, MODEL)]
    _insert(tables, "registered_model_aliases(alias, version, name)", aliases)


def _version_tags(number: int, files_digest: str, score: float) -> dict[str, str]:
    values = {"FD-EffNetLite0": score, SCORE: score, "recall": 0.6, "coverage": 0.7, "precision": 0.7, "memorised": 0.0}
    scores = {
        "values": values,
        "protocol": PROTOCOL.model_dump(),
        "intervals": {name: [value, value + 1] for name, value in values.items()},
        "by_class": {f"class-{label}": score for label in range(10)},
        "baselines": dict.fromkeys(values, 1.0),
    }
    return VersionTags(
        run=run_name(number),
        dataset=DATASET,
        dataset_version=DATASET_VERSION,
        manifest=f"/data/{DATASET}/{DATASET_VERSION}/manifest.json",
        commit="a" * 40,
        nimg=200_000,
        nimg_seen=200_000,
        chosen="best of 12 scored checkpoints: FD-EffNetLite0 31.4 under protocol 0123456789ab, at 200,000 images",
        feature_nets="{}",
        weights_sha256=f"{number:064x}",
        files_sha256=files_digest,
        graph_sha256={"onnx": "2" * 64, "torch_export": "3" * 64},
        graph_difference={"onnx": "1e-07", "torch_export": "0"},
        scores={PROTOCOL.digest(): json.dumps(scores)},
        shown_scores={name: f"{value:.6g}" for name, value in values.items()},
        promoted=number % 5 == 0,
        why=f"better: {SCORE} {score:.3f} against the champion's {score + 1:.3f}",
        at=(BEGIN + timedelta(minutes=number)).isoformat(timespec="seconds"),
        replaced=str(number - 5) if number % 5 == 0 else "",
    ).as_tags()


def _write_directories(home: Home, runs: int) -> None:
    """Write a directory for each run: what a finished training leaves, with one small checkpoint."""
    config = {
        "run": "",
        "manifest": f"{home.root}/datasets/{DATASET}/{DATASET_VERSION}/manifest.json",
        "dataset": DATASET,
        "dataset_version": DATASET_VERSION,
        "labels": ["0", "1"],
        "network": NetworkSpec(
            family="dcgan", resolution=32, channels=3, num_classes=2, latent_dim=64, width=32
        ).model_dump(),
        "train": TrainConfig().model_dump(),
        "commit": "a" * 40,
    }
    tick = {"nimg": 0, "images_per_second": 100.0} | {f"metric-{name}": 0.5 for name in range(METRICS)}
    ticks = "".join(json.dumps(tick | {"nimg": 20_000 * (number + 1)}) + "\n" for number in range(TICKS))
    events = ("asked", "start", "train", "end", "exit")
    history = "".join(
        json.dumps({"event": event, "at": 1.8e9 + 60 * n, "nimg": 0}) + "\n" for n, event in enumerate(events)
    )
    for number in range(runs):
        path = home.runs / run_name(number)
        checkpoint = path / "checkpoints" / "000000200000"
        checkpoint.mkdir(parents=True)
        (path / "samples").mkdir()
        (path / "config.json").write_text(json.dumps(config | {"run": run_name(number)}, indent=1))
        (path / "status.json").write_text('{"state":"done","nimg":200000,"reason":""}')
        (path / "stats.jsonl").write_text(ticks)
        (path / "history.jsonl").write_text(history)
        (path / "checkpoints" / "best.json").write_text('{"name": "FD-EffNetLite0", "value": 31.4, "nimg": 200000}')
        for name in ("state.json", "state.safetensors", "COMMITTED"):
            (checkpoint / name).write_bytes(b"0" * 100)
        (path / "lock").touch()


def _insert(tables: sqlite3.Connection, into: str, rows: Any) -> None:
    places = ", ".join("?" * (into.count(",") + 1))
    tables.executemany(f"INSERT INTO {into} VALUES ({places})", rows)


if __name__ == "__main__":
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    make_home(Path(sys.argv[1]).absolute(), int(sys.argv[2]), int(sys.argv[3]))
