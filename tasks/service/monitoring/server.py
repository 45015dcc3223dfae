"""The page `/metrics` behind the guard; `python -m tasks.service.monitoring.server SETTINGS` or `shardgan metrics`.

SETTINGS is a MetricsConfig as JSON. The environment says what is watched: SHARDGAN_HOME, PREFECT_API_URL and
MLFLOW_TRACKING_URI, and the password of the servers in SHARDGAN_AUTH. Prometheus sends the same name and password.
"""

import asyncio
import os
import sys

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, ConfigDict

from tasks.home import Auth, home, read_auth
from tasks.service.children.parents import end_with_parent
from tasks.service.guard import App, Guard, Receive, Scope, Send
from tasks.service.monitoring.champions import collect_champions
from tasks.service.monitoring.collector import CachedCollector, Source
from tasks.service.monitoring.config import MetricsConfig
from tasks.service.monitoring.datasets import DatasetFigures
from tasks.service.monitoring.flow_runs import collect_flow_runs
from tasks.service.monitoring.gpus import collect_gpus
from tasks.service.monitoring.trainings import TrainingFigures
from tasks.service.settings import ALLOWED_HOSTS, check_exposure, choose_auth, guard_environment, read_list

PATH = "/metrics"
OPEN = "/health"  # the guard lets requests for it through without a password


class MetricsOutcome(BaseModel):
    """The outcome of an endpoint that has ended: its address."""

    model_config = ConfigDict(frozen=True)

    url: str

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        return [("stopped", self.url)]


def main() -> None:
    """Serve the settings of the first argument until SIGTERM or Ctrl-C."""
    end_with_parent()
    serve(MetricsConfig.model_validate_json(sys.argv[1]))


def serve(config: MetricsConfig) -> MetricsOutcome:
    """Serve until SIGTERM or Ctrl-C. Raises RequestError if other machines could read them without a password."""
    check_exposure(config.as_service)
    auth = choose_auth(config.as_service)
    app = make_app(config, auth)
    host = config.host.strip("[]")
    uvicorn.run(
        app,
        host=host,
        port=config.port,
        log_level="warning",
        lifespan="off",
        ws="none",  # every request is HTTP
        proxy_headers=False,
    )
    return MetricsOutcome(url=config.url)


def make_app(config: MetricsConfig, auth: Auth | None) -> App:
    """Return the endpoint behind the guard."""
    registry = CollectorRegistry()
    registry.register(CachedCollector(sources(auth), config.cache_seconds))
    hosts = guard_environment(config.as_service, config.port)[ALLOWED_HOSTS].split(",")
    return Guard(make_page(registry), hosts=[*hosts, *read_list(ALLOWED_HOSTS)], auth=auth)


def sources(auth: Auth | None) -> list[Source]:
    """Return what the environment names. A home without servers has no flow runs to ask for."""
    here = home()
    pair = (auth.name, auth.password) if (auth := read_auth() or auth) else None
    found = [
        Source("mlflow", lambda: collect_champions(here, pair)),
        Source("bucket" if here.is_remote else "datasets", DatasetFigures(here).collect),
        Source("trainings", TrainingFigures(here).collect),
        Source("gpus", collect_gpus),
    ]
    api_url = os.environ.get("PREFECT_API_URL", "")
    return [Source("prefect", lambda: collect_flow_runs(api_url, pair)), *found] if api_url else found


def make_page(registry: CollectorRegistry) -> App:
    """Return an ASGI app with the two pages `/metrics` and `/health`."""

    async def page(scope: Scope, _receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["path"] == OPEN:
            await _answer(send, 200, "text/plain", b"ok\n")
        elif scope["path"] == PATH and scope["method"] == "GET":
            encode, kind = choose_encoder(headers.get("accept", ""))
            # In a thread: while the servers are asked, /health is still answered.
            await _answer(send, 200, kind, await asyncio.to_thread(encode, registry))
        else:
            await _answer(send, 404, "text/plain", b"the figures are at /metrics\n")

    return page


async def _answer(send: Send, status: int, kind: str, body: bytes) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    main()
