"""Lineage events: received over HTTP, checked against the specification, and no burden where nobody receives them."""

import inspect
import json
import logging
import threading
import uuid
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attr
import pytest

pytest.importorskip("openlineage.client", reason="needs pip install 'shardgan[telemetry]'")

from openlineage.client import event_v2, facet_v2

from tasks.tracking.telemetry import lineage
from tasks.tracking.telemetry.lineage import pieces, stage
from tasks.tracking.telemetry.sender import Sender
from tests.first_wave import DATASET, lay_out_home

FACETS = {
    f"{kind.__name__}": kind
    for module in vars(facet_v2).values()
    if inspect.ismodule(module)
    for kind in vars(module).values()
    if inspect.isclass(kind) and attr.has(kind)
}


class Receiver:
    """Takes events as Marquez does: POST /api/v1/lineage."""

    def __init__(self, status: int = 201) -> None:
        events: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/api/v1/lineage"
                events.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Write nothing."""

        self.events = events
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    receiver = Receiver()
    monkeypatch.setenv("OPENLINEAGE_URL", receiver.url)
    yield receiver
    receiver.close()


@pytest.fixture(autouse=True)
def no_sender() -> Iterator[None]:
    lineage._senders.clear()
    yield
    flush()
    lineage._senders.clear()


def flush() -> None:
    """Send what waits."""
    for sender in lineage._senders:
        if sender:
            sender.close()
    lineage._senders.clear()


def told(caplog: pytest.LogCaptureFixture, text: str) -> set[logging.LogRecord]:
    """The records with this text. Where a command ran in this process, two loggers hand over each of them."""
    return {one for one in caplog.records if text in one.message}


def check(event: dict[str, Any]) -> None:
    """Check an event against the classes that are generated from the specification: required and known fields."""
    assert event["eventType"] in event_v2.RunState.__members__
    assert datetime.fromisoformat(event["eventTime"]).tzinfo
    assert str(uuid.UUID(event["run"]["runId"])) == event["run"]["runId"]
    assert event["schemaURL"].startswith("https://openlineage.io/spec/2-")
    known(event_v2.RunEvent, event)
    known(event_v2.Job, event["job"])
    datasets = [(event_v2.InputDataset, one) for one in event["inputs"]]
    datasets += [(event_v2.OutputDataset, one) for one in event["outputs"]]
    for kind, dataset in datasets:
        known(kind, dataset)
        assert dataset["namespace"]
        assert dataset["name"]
    places = [event["run"], event["job"], *(one for _, one in datasets)]
    for facet in [facet for place in places for facet in place["facets"].values()]:
        check_facet(facet)
    for _, dataset in datasets:
        for facet in dataset.get("outputFacets", {}).values():
            check_facet(facet)


def check_facet(facet: dict[str, Any]) -> None:
    assert facet["_producer"] == "urn:shardgan"
    known(FACETS[facet["_schemaURL"].rpartition("/")[2]], facet)


def known(kind: Any, content: dict[str, Any]) -> None:
    fields = {field.name: field for field in attr.fields(kind)}
    assert set(content) <= set(fields), kind
    required = {name for name, field in fields.items() if field.default is attr.NOTHING}
    assert required <= set(content), kind


def test_a_stage_is_told_with_what_it_read_and_made(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = lay_out_home(tmp_path)
    monkeypatch.setenv("SHARDGAN_HOME", str(root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    name, _, version = DATASET.partition("@")
    dataset = f"{root}/datasets/{name}/{version}/manifest.json"
    source = pieces.source("s3://key:secret@photos/cats?signature=1")
    with stage("pipeline", "tiny"):
        with stage("build-dataset", "tiny", reads=[source]) as outer:
            outer.made(pieces.dataset(dataset))
        with stage("train-gan", "tiny@latest", reads=[pieces.dataset(DATASET)]) as inner:
            inner.made(pieces.model("models:/tiny/3"))
            inner.note({"nimg": 8})
    flush()
    for event in receiver.events:
        check(event)
    told = [(event["eventType"], event["job"]["name"]) for event in receiver.events]
    assert told == [
        ("START", "pipeline.tiny"),
        ("START", "build-dataset.tiny"),
        ("COMPLETE", "build-dataset.tiny"),
        ("START", "train-gan.tiny"),
        ("COMPLETE", "train-gan.tiny"),
        ("COMPLETE", "pipeline.tiny"),
    ]
    pipeline, _, built, _, trained, _ = receiver.events
    (read,), (made,) = built["inputs"], built["outputs"]
    assert (read["namespace"], read["name"]) == ("s3://photos", "cats")
    assert "secret" not in json.dumps(receiver.events)
    assert made["facets"]["version"]["datasetVersion"] == version
    assert made["name"] == f"{root}/datasets/{name}"
    assert made["facets"]["storage"]["storageLayer"] == "webdataset"
    assert [field["name"] for field in made["facets"]["schema"]["fields"]] == ["__key__", "image", "cls"]
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 25
    # What training reads is the node that the build made.
    assert (trained["inputs"][0]["namespace"], trained["inputs"][0]["name"]) == (made["namespace"], made["name"])
    assert trained["outputs"][0]["facets"]["version"]["datasetVersion"] == "3"
    parent = trained["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == pipeline["run"]["runId"]
    assert parent["job"]["name"] == "pipeline.tiny"
    tags = {tag["key"]: tag["value"] for tag in trained["run"]["facets"]["tags"]["tags"]}
    assert tags["nimg"] == "8"
    assert tags["commit"]


def test_a_failure_and_a_stop_are_told_and_raised(receiver: Receiver) -> None:
    for raised in (ValueError("no images"), KeyboardInterrupt()):
        with pytest.raises(type(raised)), stage("build-dataset", "tiny"):
            raise raised
    flush()
    for event in receiver.events:
        check(event)
    assert [event["eventType"] for event in receiver.events] == ["START", "FAIL", "START", "ABORT"]
    assert receiver.events[1]["run"]["facets"]["errorMessage"]["message"] == "ValueError: no images"


def test_events_may_go_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.jsonl"
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(path))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    with stage("promote", "models:/tiny@challenger", reads=[pieces.model("models:/tiny@challenger")]):
        pass
    flush()
    events = [json.loads(line) for line in path.read_text().splitlines()]
    for event in events:
        check(event)
    assert [event["job"]["name"] for event in events] == ["promote.tiny", "promote.tiny"]


def test_a_receiver_that_is_away_or_refuses_is_told_once(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusing = Receiver(status=500)
    for url in ("http://127.0.0.1:1", refusing.url):
        caplog.clear()
        monkeypatch.setenv("OPENLINEAGE_URL", url)
        with caplog.at_level(logging.WARNING, "tasks.tracking.telemetry"):
            for _ in range(3):
                with stage("build-dataset", "tiny"):
                    pass
            flush()
        assert len(told(caplog, "lineage events are lost")) == 1
    refusing.close()
    caplog.clear()
    monkeypatch.setenv("OPENLINEAGE_URL", "not a url")
    with caplog.at_level(logging.WARNING, "tasks.tracking.telemetry"):
        for _ in range(2):
            with stage("build-dataset", "tiny"):
                pass
    assert len(told(caplog, "OPENLINEAGE_* are wrong")) == 1


def test_a_run_does_not_wait_for_a_receiver_that_hangs(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()
    sender = Sender(lambda _event: release.wait() and None)
    for number in range(100):
        sender.send(number)  # returns at once
    with caplog.at_level(logging.WARNING, "tasks.tracking.telemetry"):
        sender.close(seconds=0.05)
    assert "did not answer in time" in caplog.text
    release.set()


def test_without_a_receiver_nothing_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    def describe() -> Any:
        raise AssertionError("this reads files")

    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    with stage("build-dataset", "tiny", reads=[describe]) as noted:
        noted.made(describe)
    assert not lineage._senders


def test_what_cannot_be_described_costs_the_event_alone(receiver: Receiver, home_dir: Path) -> None:
    with stage("train-gan", "gone", reads=[pieces.dataset("gone@0000")]):
        pass
    with stage("train-gan", "tiny"):
        pass
    flush()
    assert [event["job"]["name"] for event in receiver.events] == ["train-gan.tiny", "train-gan.tiny"]
