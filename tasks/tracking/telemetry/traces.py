"""OpenTelemetry spans of flow runs and task runs, sent by OTLP over HTTP.

Prefect itself makes a span for each run, and passes the trace on to flow runs in other processes. It only lacks a
provider that exports them. The standard variables configure it: OTEL_EXPORTER_OTLP_ENDPOINT (or
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) switches spans on, OTEL_SDK_DISABLED or OTEL_TRACES_EXPORTER=none off.
"""

import logging
import os

from tasks.tracking.lineage import code_commit

logger = logging.getLogger(__name__)
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"  # its logger
TIMEOUT_SECONDS = 3.0
_started = False


def is_configured() -> bool:
    """Return whether the environment asks for spans."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(os.environ.get(name) for name in ENDPOINTS)


def start_tracing() -> None:
    """Export the spans of this process, if the environment asks for it. A second call changes nothing."""
    global _started
    if _started or not is_configured():
        return
    _started = True
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        logger.warning("%s is set, which needs `pip install 'shardgan[telemetry]'`: no spans are sent", ENDPOINTS[0])
        return
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES change these. The version is the commit.
    name = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "shardgan"}
    provider = TracerProvider(resource=Resource.create({**name, "service.version": code_commit()}))
    # Spans are sent by a thread. What is left is sent when the process ends: within the timeout if nobody answers.
    timeout = None if os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") else TIMEOUT_SECONDS
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=timeout)))
    trace.set_tracer_provider(provider)
    logging.getLogger(EXPORTER).addFilter(Once())


class Once:
    """Lets the first message of the exporter through: it would tell of every batch that a collector does not take."""

    def __init__(self) -> None:
        self.told = False

    def filter(self, _record: logging.LogRecord) -> bool:
        """Return whether this is the first message."""
        told, self.told = self.told, True
        return not told
