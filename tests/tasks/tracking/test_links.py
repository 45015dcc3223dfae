"""Links into MLflow: followed by a browser where there is a server, words where there is none."""

from pathlib import Path

import pytest

from tasks.home import home
from tasks.tracking.links import how_to_open_mlflow, link_run, version_url
from tasks.tracking.runs import connect


def test_without_a_server_the_command_is_told(home_dir: Path, run_id: str) -> None:
    assert link_run(home(), connect(home()), run_id, "my run") == "`my run`"
    assert version_url(home(), "emoji", "3") == ""
    assert how_to_open_mlflow(home()) == f"mlflow ui --backend-store-uri sqlite:///{home_dir}/mlflow.db"


def test_links_lead_to_the_address_that_browsers_use(
    run_id: str, home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(home())
    experiment = client.get_run(run_id).info.experiment_id
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert version_url(home(), "a b", "3") == "http://mlflow:5000/#/models/a%20b/versions/3"
    monkeypatch.setenv("SHARDGAN_MLFLOW_URL", "https://gan.example/mlflow/")
    at = f"https://gan.example/mlflow/#/experiments/{experiment}/runs/{run_id}"
    assert link_run(home(), client, run_id, "r") == f"[r]({at})"
    assert link_run(home(), client, run_id, "r", "report/m 1.html") == f"[r]({at}/artifacts/report/m%201.html)"
