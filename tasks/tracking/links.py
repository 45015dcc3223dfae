"""Links to MLflow for browsers, or the command that serves MLflow if it has no server."""

import os
import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

from tasks.home import Home
from tasks.reports.printable import for_markdown

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

# The address for browsers, if workers use a different one (in containers: http://mlflow:5000).
MLFLOW_URL = "SHARDGAN_MLFLOW_URL"


def mlflow_url(home: Home) -> str:
    """Return MLflow's address for browsers. Empty if it has no server."""
    named = os.environ.get(MLFLOW_URL) or (home.shown_tracking_uri if home.tracking_uri.startswith("http") else "")
    return named.rstrip("/")


def how_to_open_mlflow(home: Home) -> str:
    """Return MLflow's address, or the command that serves it."""
    return mlflow_url(home) or f"mlflow ui --backend-store-uri {shlex.quote(home.shown_tracking_uri)}"


def run_url(home: Home, client: "MlflowClient", run_id: str, artifact: str = "") -> str:
    """Return the URL of a run or of one of its artifacts. Empty if there is no server."""
    if not (base := mlflow_url(home)):
        return ""
    experiment = client.get_run(run_id).info.experiment_id
    path = f"/artifacts/{quote(artifact)}" if artifact else ""
    return f"{base}/#/experiments/{experiment}/runs/{run_id}{path}"


def version_url(home: Home, name: str, version: str) -> str:
    """Return the URL of a registered version. Empty if there is no server."""
    base = mlflow_url(home)
    return f"{base}/#/models/{quote(name, safe='')}/versions/{version}" if base else ""


def link_run(home: Home, client: "MlflowClient", run_id: str, text: str, artifact: str = "") -> str:
    """Return `text` as a Markdown link to a run or to one of its artifacts. Plain text if there is no server."""
    url = run_url(home, client, run_id, artifact)
    return f"[{for_markdown(text)}]({url})" if url else f"`{text}`"
