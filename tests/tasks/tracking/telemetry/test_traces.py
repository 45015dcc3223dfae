"""Spans of flow runs and task runs, received over OTLP from a process of its own."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs pip install 'shardgan[telemetry]'")

from tasks.tracking.telemetry.traces import is_configured
from tests.tasks.tracking.telemetry.collectors import Collector

# Prefect's own spans need a server, so this program makes spans as Prefect does: with the global tracer.
PROGRAM = """
from tasks.tracking.telemetry.traces import start_tracing
start_tracing()
start_tracing()
from opentelemetry.trace import get_tracer
tracer = get_tracer("prefect")
with tracer.start_as_current_span("pipeline"):
    with tracer.start_as_current_span("shard-tiny"):
        pass
"""


def run_program(endpoint: str) -> str:
    environment = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return done.stderr


def test_spans_reach_a_collector_and_a_collector_that_is_away_fails_nothing() -> None:
    collector = Collector()
    run_program(collector.url)
    collector.close()
    (resource,) = collector.received
    attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert attributes["service.name"] == "shardgan"
    spans = collector.spans()
    assert set(spans) == {"pipeline", "shard-tiny"}
    assert spans["shard-tiny"].parent_span_id == spans["pipeline"].span_id
    told = run_program("http://127.0.0.1:1")
    assert told.count("Failed to export") <= 1, told


def test_traces_are_off_unless_an_endpoint_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    assert not is_configured()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert is_configured()
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not is_configured()
