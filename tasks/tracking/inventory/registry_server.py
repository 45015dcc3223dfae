"""Registered versions from a tracking server, through MLflow's client."""

from collections.abc import Callable
from typing import Any

from tasks.home import Home
from tasks.tracking.inventory.registry_tables import StoredVersion
from tasks.tracking.runs import connect


def ask_versions(home: Home) -> list[StoredVersion]:
    """Return all versions of all registered models."""
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
    return sorted(found, key=lambda one: (one.name, int(one.version)))


def _pages(search: Callable[..., Any]) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = search(page_token=token)
        found += page
        token = page.token
        if not token:
            return found
