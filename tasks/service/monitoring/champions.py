"""The champions of the registry, with age and scores: from MLflow's REST API, or from the home's own tables."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import httpx
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

from tasks.home import Home
from tasks.tracking.inventory.registry_tables import read_versions
from tasks.tracking.tags import VersionTags

ALIAS = "champion"
API = "/api/2.0/mlflow"
TIMEOUT_SECONDS = 5.0


class Champion(NamedTuple):
    """A champion as the registry describes it. `created` is in seconds since 1970."""

    model: str
    version: str
    created: float
    tags: dict[str, str]


def collect_champions(home: Home, auth: tuple[str, str] | None) -> Iterator[Metric]:
    """Yield the figures of each champion. Raises httpx.HTTPError or RequestError if the registry cannot be read."""
    champions = read_champions(home) if home.serves_itself else ask_champions(home.tracking_uri, auth)
    return describe_champions(champions)


def read_champions(home: Home) -> list[Champion]:
    """Read the champions from the SQLite file of the home."""
    found = read_versions(home.mlflow_database) if home.mlflow_database.exists() else []
    return [Champion(one.name, one.version, one.created / 1000, one.tags) for one in found if ALIAS in one.aliases]


def ask_champions(url: str, auth: tuple[str, str] | None) -> list[Champion]:
    """Ask the MLflow server at `url`: one request for each hundred models, and one for each champion."""
    with httpx.Client(base_url=url, auth=auth, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        return [
            _ask_version(client, str(model["name"]), str(alias["version"]))
            for model in _ask_models(client)
            for alias in model.get("aliases", [])
            if alias["alias"] == ALIAS
        ]


def _ask_models(client: httpx.Client) -> Iterator[dict[str, Any]]:
    token = ""
    while True:
        answer = client.get(f"{API}/registered-models/search", params={"page_token": token} if token else None)
        page = answer.raise_for_status().json()
        yield from page.get("registered_models", [])
        token = page.get("next_page_token", "")
        if not token:
            return


def _ask_version(client: httpx.Client, model: str, version: str) -> Champion:
    answer = client.get(f"{API}/model-versions/get", params={"name": model, "version": version})
    found = answer.raise_for_status().json()["model_version"]
    tags = {str(tag["key"]): str(tag.get("value", "")) for tag in found.get("tags", [])}
    return Champion(model, version, int(found.get("creation_timestamp", 0)) / 1000, tags)


def describe_champions(champions: Iterable[Champion]) -> Iterator[Metric]:
    """Yield the version, the time of the promotion and the scores of each champion."""
    info = InfoMetricFamily("shardgan_champion", "The champion of each model.", labels=["model"])
    since = GaugeMetricFamily(
        "shardgan_champion_timestamp_seconds",
        "When the champion was promoted, in seconds since 1970.",
        labels=["model"],
    )
    scores = GaugeMetricFamily("shardgan_champion_score", "The scores of the champion.", labels=["model", "score"])
    for champion in champions:
        # These values come from tags, which other people can change: what is not valid is left out.
        tags = VersionTags.parse({name: value for name, value in champion.tags.items() if name in NEEDED})
        info.add_metric([champion.model], {"version": champion.version, "dataset_version": tags.dataset_version})
        since.add_metric([champion.model], _seconds(tags.at) or champion.created)
        for name, value in _scores(champion.tags).items():
            scores.add_metric([champion.model, name], value)
    yield from (info, since, scores)


NEEDED = {VersionTags.name(field) for field in ("at", "dataset_version")}
SCORE = VersionTags.families["shown_scores"].format("")


def _seconds(at: str) -> float | None:
    try:
        return datetime.fromisoformat(at).timestamp()
    except ValueError:
        return None


def _scores(tags: dict[str, str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in tags.items():
        try:
            if name.startswith(SCORE):
                found[name.removeprefix(SCORE)] = float(value)
        except ValueError:
            continue
    return found
