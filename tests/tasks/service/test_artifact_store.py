"""MLflow's artifacts in the store of the home: its own clients against real servers of Google's and Azure's API."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from tasks.errors import RequestError
from tasks.home import home
from tasks.service.children.artifact_store import artifact_environment
from tests.store_servers import SERVERS

AZURE = ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY")
ROUND_TRIP = """
import pathlib, sys
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
store = get_artifact_repository(sys.argv[1])
folder = pathlib.Path(sys.argv[2])
store.log_artifact(str(folder / "weights.bin"), "model")
print([one.path for one in store.list_artifacts("model")])
(folder / "back").mkdir()
print(pathlib.Path(store.download_artifacts("model", str(folder / "back")), "weights.bin").read_text())
store.delete_artifacts("model")
print(store.list_artifacts("model"))
"""


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in AZURE:
        monkeypatch.delenv(name, raising=False)


def destination(uri: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("SHARDGAN_HOME", uri)
    return artifact_environment(home())


@pytest.mark.slow
@pytest.mark.parametrize("protocol", SERVERS)
def test_artifacts_are_kept_in_the_store_of_the_home(
    protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "weights.bin").write_text("weights")
    with SERVERS[protocol](tmp_path / "server") as bucket:
        uri = destination(f"{bucket}/{uuid4().hex}", monkeypatch)["MLFLOW_ARTIFACTS_DESTINATION"]
        done = subprocess.run(
            [sys.executable, "-c", ROUND_TRIP, uri, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "['model/weights.bin']\nweights\n[]\n"


def test_names_of_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.service.children.artifact_store.import_module", lambda _: None)  # no client is needed
    assert destination("s3://bucket/team", monkeypatch) == {
        "MLFLOW_ARTIFACTS_DESTINATION": "s3://bucket/team/mlartifacts"
    }
    assert destination("gcs://bucket", monkeypatch) == {"MLFLOW_ARTIFACTS_DESTINATION": "gs://bucket/mlartifacts"}
    with pytest.raises(RequestError, match="names the account: set one of them"):
        destination("az://box/team", monkeypatch)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "ours")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    found = destination("az://box/team", monkeypatch)
    assert found == {
        "MLFLOW_ARTIFACTS_DESTINATION": "wasbs://box@ours.blob.core.windows.net/team/mlartifacts",
        "AZURE_STORAGE_ACCESS_KEY": "a2V5",
    }
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME")
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING", "DefaultEndpointsProtocol=https;AccountName=theirs;AccountKey=x="
    )
    assert destination("abfs://box", monkeypatch) == {
        "MLFLOW_ARTIFACTS_DESTINATION": "wasbs://box@theirs.blob.core.windows.net/mlartifacts"
    }


@pytest.mark.parametrize(
    ("uri", "module", "extra"),
    [
        ("s3://bucket/team", "boto3", "service"),
        ("gs://bucket/team", "google.cloud.storage", "gcs"),
        ("az://box/team", "azure.storage.blob", "azure"),
    ],
)
def test_missing_client_is_named(uri: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # so Python says that a module cannot be imported
    with pytest.raises(RequestError, match=rf"MLflow needs the package {module} .*: pip install 'shardgan\[{extra}\]'"):
        destination(uri, monkeypatch)


def test_store_without_a_client_of_mlflow_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestError, match="MLflow cannot keep artifacts"):
        destination("memory://team", monkeypatch)
