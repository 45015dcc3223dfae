"""Registered versions from a tracking server: by plain HTTP requests, or else through MLflow's client.

MLflow's client takes two seconds to import, and httpx a tenth of one. Only reads. tests/tasks/tracking/inventory
compares what both say.
"""

import contextlib
import json
import os
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tasks.home import Home
from tasks.tracking.inventory.registry_tables import StoredVersion

API = "/api/2.0/mlflow/"
# Ways to log in, and certificates, that only MLflow's client knows.
SPECIAL = (
    "MLFLOW_TRACKING_AUTH",
    "MLFLOW_TRACKING_AWS_SIGV4",
    "MLFLOW_TRACKING_CLIENT_CERT_PATH",
    "MLFLOW_TRACKING_INSECURE_TLS",
    "MLFLOW_TRACKING_SERVER_CERT_PATH",
    "MLFLOW_WORKSPACE",
)
MODELS_A_PAGE, VERSIONS_A_PAGE = 1000, 10_000
LOGGED = "models:/m-"  # the source of a version that was registered from a logged model


def ask_versions(home: Home) -> list[StoredVersion]:
    """Return all versions of all registered models.

    If the server does not answer plain requests as expected, MLflow's client asks it again. It knows more ways to log
    in, and its error says what is wrong.
    """
    if home.tracking_uri.startswith(("http://", "https://")) and not any(map(os.environ.get, SPECIAL)):
        with contextlib.suppress(OSError, HTTPException, ValueError, KeyError):
            return ask_by_http(home.tracking_uri)
    return ask_by_client(home)


def ask_by_http(uri: str) -> list[StoredVersion]:
    """Ask the server at `uri`. Raises OSError if it refuses or does not answer, other errors for other answers."""
    aliases: dict[tuple[str, str], list[str]] = {}
    for model in _rows(uri, "registered-models/search", "registered_models", MODELS_A_PAGE):
        for one in sorted(model.get("aliases", []), key=lambda one: str(one["alias"])):
            aliases.setdefault((model["name"], str(one["version"])), []).append(one["alias"])
    versions = list(_rows(uri, "model-versions/search", "model_versions", VERSIONS_A_PAGE))
    is_needed = any(version.get("source", "").startswith(LOGGED) for version in versions)
    logged = _logged_models(uri) if is_needed else {}
    found = [
        StoredVersion(
            name=version["name"],
            version=str(version["version"]),
            created=int(version.get("creation_timestamp", 0)),
            run_id=version.get("run_id", ""),
            source=version.get("source", ""),
            location=logged.get(version.get("source", "")) or _location(uri, version),
            tags={tag["key"]: tag.get("value", "") for tag in version.get("tags", [])},
            aliases=aliases.get((version["name"], str(version["version"])), []),
        )
        for version in versions
    ]
    return _sorted(found)


def _logged_models(uri: str) -> dict[str, str]:
    """Return where the files of all logged models lie, by their URIs: one request for each thousand models."""
    experiments = [one["experiment_id"] for one in _rows(uri, "experiments/search", "experiments", MODELS_A_PAGE)]
    given: dict[str, Any] = {"experiment_ids": experiments, "max_results": MODELS_A_PAGE}
    found: dict[str, str] = {}
    while True:
        page = _ask(uri, "logged-models/search", content=given)
        about = (model["info"] for model in page.get("models", []))
        found |= {f"models:/{one['model_id']}": str(one.get("artifact_uri", "")) for one in about}
        if not page.get("next_page_token"):
            return found
        given["page_token"] = page["next_page_token"]


def _rows(uri: str, what: str, kind: str, page_size: int) -> Iterator[dict[str, Any]]:
    given: dict[str, str | int] = {"max_results": page_size}
    while True:
        page = _ask(uri, what, given)
        yield from page.get(kind, [])
        if not page.get("next_page_token"):
            return
        given["page_token"] = page["next_page_token"]


def _location(uri: str, version: dict[str, Any]) -> str:
    asked = {"name": version["name"], "version": version["version"]}
    return str(_ask(uri, "model-versions/get-download-uri", asked)["artifact_uri"])


def _ask(
    uri: str, what: str, given: Mapping[str, str | int] | None = None, content: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Send a request with the values `given` in its address, or with `content` as JSON."""
    headers = _authorization() | ({"Content-Type": "application/json"} if content else {})
    data = json.dumps(content).encode() if content else None
    request = Request(f"{uri.rstrip('/')}{API}{what}?{urlencode(given or {})}", data, headers)
    with urlopen(request, timeout=float(os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT", "20"))) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _authorization() -> dict[str, str]:
    """Return the header with the name and password, or the token, that MLflow's client would send."""
    name, password = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get("MLFLOW_TRACKING_PASSWORD")
    if name and password:
        return {"Authorization": f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"}
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}


def ask_by_client(home: Home) -> list[StoredVersion]:
    """Ask any kind of registry through MLflow's client. Raises its errors."""
    from tasks.tracking.runs import connect  # imports MLflow

    client = connect(home)
    aliases: dict[tuple[str, str], list[str]] = {}
    for model in _pages(client.search_registered_models):
        for alias, version in sorted(model.aliases.items()):
            aliases.setdefault((model.name, str(version)), []).append(alias)
    found = [
        StoredVersion(
            name=version.name,
            version=str(version.version),
            created=int(version.creation_timestamp or 0),
            run_id=version.run_id or "",
            source=version.source or "",
            location=client.get_model_version_download_uri(version.name, version.version),
            tags=dict(version.tags),
            aliases=aliases.get((version.name, str(version.version)), []),
        )
        for version in _pages(client.search_model_versions)
    ]
    return _sorted(found)


def _pages(search: Callable[..., Any]) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = search(page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _sorted(found: list[StoredVersion]) -> list[StoredVersion]:
    return sorted(found, key=lambda one: (one.name, int(one.version)))
