"""Who may read the figures, and what `shardgan up` starts."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tasks.errors import RequestError
from tasks.home import Auth
from tasks.service.monitoring.config import MetricsConfig
from tasks.service.monitoring.server import make_app, serve
from tasks.service.processes import programs
from tasks.service.settings import ServiceConfig

AUTH = Auth("shardgan", "a-long-enough-one")
PAIR = (AUTH.name, AUTH.password)


def ask(path: str, auth: tuple[str, str] | None, host: str = "127.0.0.1:9420", method: str = "GET") -> httpx.Response:
    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(app=make_app(MetricsConfig(), AUTH))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9420") as client:
            return await client.request(method, path, auth=auth, headers={"host": host})

    return asyncio.run(request())


def test_the_figures_are_behind_the_guard(home_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert ask("/metrics", None).status_code == 401
    assert ask("/metrics", (AUTH.name, "another-password")).status_code == 401
    assert ask("/metrics", PAIR, host="evil.example").status_code == 403
    assert ask("/health", None).text == "ok\n"
    assert ask("/", PAIR).status_code == 404
    assert ask("/metrics", PAIR, method="POST").status_code == 404
    answer = ask("/metrics", PAIR)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"shardgan_source_up", "shardgan_trainings", "shardgan_source_failures"} <= families


def test_other_machines_need_a_password(home_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHARDGAN_AUTH", raising=False)
    with pytest.raises(RequestError, match="SHARDGAN_AUTH=name:password"):
        serve(MetricsConfig(host="0.0.0.0"))


def test_the_service_starts_the_endpoint_where_a_port_is_set(home_dir: Path) -> None:
    assert "metrics" not in {program.name for program in programs(ServiceConfig(), AUTH)}
    config = ServiceConfig(metrics_port=9999, public_host="gan.example.org")
    (started,) = [program for program in programs(config, AUTH) if program.name == "metrics"]
    assert started.kind == "worker"  # its end does not end the service
    assert started.environment["SHARDGAN_AUTH"] == f"{AUTH.name}:{AUTH.password}"
    settings = MetricsConfig.model_validate(json.loads(started.command[-1]))
    assert settings.url == config.metrics_url == "http://gan.example.org:9999/metrics"
