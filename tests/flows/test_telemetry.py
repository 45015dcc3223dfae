"""A real command with lineage events, traces and JSON lines at once, and a parent in another process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from flows.configs import BuildDatasetConfig
from flows.stages.build_dataset import build_dataset
from tasks.datasets.sharding import ShardConfig
from tasks.tracking.telemetry import lineage
from tests.tasks.tracking.telemetry.collectors import Collector

pytest.importorskip("openlineage.client", reason="needs pip install 'shardgan[telemetry]'")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs pip install 'shardgan[telemetry]'")

SHARDGAN = Path(sys.executable).with_name("shardgan")


def write_to(path: Path) -> dict[str, str]:
    """The variables that let events go to a file."""
    names = {"TYPE": "file", "LOG_FILE_PATH": str(path), "APPEND": "true"}
    return {f"OPENLINEAGE__TRANSPORT__{name}": value for name, value in names.items()}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_a_command_tells_what_it_did_in_three_ways_under_one_run_id(
    home_dir: Path, collection: Path, tmp_path: Path
) -> None:
    collector = Collector()
    environment = os.environ | write_to(tmp_path / "lineage.jsonl") | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    command = [SHARDGAN, "build", f"--source={collection}", "--dataset=tiny", "--resolution=16", "shard.workers=1"]
    done = subprocess.run(
        [*command, "--log-format=json", "--json"], env=environment, capture_output=True, text=True, check=False
    )
    collector.close()
    assert done.returncode == 0, done.stderr
    version = json.loads(done.stdout)["version"]

    start, complete = read(tmp_path / "lineage.jsonl")
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    (made,) = complete["outputs"]
    assert made["facets"]["version"]["datasetVersion"] == version
    run_id = start["run"]["runId"]

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert any(line["message"].startswith(f"Sharded tiny@{version}") for line in lines)
    assert {line["flow_run_id"] for line in lines if "flow_run_id" in line} == {run_id}
    (log,) = (home_dir / "logs").glob("build-*.log")
    assert [json.loads(line)["message"] for line in log.read_text().splitlines()]

    spans = collector.spans()
    assert spans["shard-tiny"].parent_span_id == next(
        span.span_id for span in spans.values() if not span.parent_span_id
    )


@pytest.mark.slow
def test_the_parent_of_a_run_is_found_through_prefect(
    prefect_server: None, home_dir: Path, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a training that a pipeline starts by a deployment: the child asks the server."""
    for name, value in write_to(tmp_path / "lineage.jsonl").items():
        monkeypatch.setenv(name, value)
    shard = ShardConfig(source=str(collection), dataset="tiny", resolution=16, workers=1)

    @flow(name="outer")
    def outer(config: dict[str, str]) -> None:
        build_dataset(BuildDatasetConfig(shard=shard))

    lineage._senders.clear()
    outer({"dataset": "tiny@latest"})
    for sender in lineage._senders:
        assert sender
        sender.close()
    lineage._senders.clear()
    start, _ = read(tmp_path / "lineage.jsonl")
    parent = start["run"]["facets"]["parent"]
    assert (parent["job"]["namespace"], parent["job"]["name"]) == ("shardgan", "outer.tiny")
    assert parent["run"]["runId"] != start["run"]["runId"]
