"""The registry's tables say what MLflow's client says, and versions keep their scores and origin."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from tasks.errors import RegistryError
from tasks.home import home
from tasks.tracking.inventory.inventory import Inventory
from tasks.tracking.inventory.models import check_version, list_versions
from tasks.tracking.inventory.registry_server import ask_by_client, ask_by_http, ask_versions
from tasks.tracking.inventory.registry_tables import read_versions
from tasks.tracking.runs import connect
from tests.first_wave import DATASET, RUN_OF_ONE

asked: list[str] = []  # the paths of the requests to the server


@pytest.fixture
def server(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of MLflow's server on the home's database, in a thread."""
    from mlflow.server import app, handlers

    for store in ("_tracking_store", "_model_registry_store"):
        monkeypatch.setattr(handlers, store, None)
    uri = inventory.home.backend_uri
    handlers.initialize_backend_stores(uri, uri, inventory.home.mlartifacts.as_uri())
    asked.clear()

    def counted(environ: Any, start: Any) -> Any:
        asked.append(environ["PATH_INFO"])
        return app(environ, start)

    serving = make_server("127.0.0.1", 0, counted)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()


def test_a_version_has_its_scores_origin_and_size(inventory: Inventory) -> None:
    two, one = inventory.models
    assert (two.title, two.aliases, two.scores) == ("models:/first/2", ["challenger", "champion"], {})
    assert (one.run, f"{one.dataset}@{one.dataset_version}", one.aliases) == (RUN_OF_ONE, DATASET, [])
    (scores,) = one.scores.values()
    assert one.main_score == ("FD-EffNetLite0", one.shown_scores["FD-EffNetLite0"])
    assert round(scores.values["FD-EffNetLite0"], 4) == one.shown_scores["FD-EffNetLite0"]
    assert one.bytes
    assert one.bytes > 100_000


def test_a_version_is_found_by_name_number_or_alias(inventory: Inventory) -> None:
    for known in ("first", "models:/first/1", "first@champion"):
        check_version(inventory.home, known)
    for unknown in ("second", "models:/first/3", "first@best"):
        with pytest.raises(RegistryError, match=r"the registry has no models:/.*; registered models: first$"):
            check_version(inventory.home, unknown)


def test_the_tables_say_what_mlflow_says(inventory: Inventory, server: str) -> None:
    database = inventory.home.mlflow_database
    client = connect(home())
    client.create_registered_model("it's odd")
    gone = client.create_model_version("it's odd", "file:///nowhere", tags={"a": "b", "empty": ""})
    client.create_model_version("it's odd", "file:///nowhere")
    client.set_registered_model_alias("it's odd", "champion", "2")
    assert read_versions(database) == ask_by_client(home()) == ask_by_http(server)
    client.delete_model_version("it's odd", gone.version)
    assert [one.version for one in read_versions(database) if one.name == "it's odd"] == ["2"]
    assert read_versions(database) == ask_versions(home()) == ask_by_http(server)
    foreign = list_versions(home())[-1]
    assert (foreign.title, foreign.aliases, foreign.bytes) == ("models:/it's odd/2", ["champion"], None)


def test_more_versions_take_no_more_requests(inventory: Inventory, server: str) -> None:
    ask_by_http(server)
    before = len(asked)
    client = connect(home())
    source = client.get_model_version("first", "1").source
    client.create_registered_model("many")
    for _ in range(5):
        client.create_model_version("many", source)
    asked.clear()
    found = [one for one in ask_by_http(server) if one.name == "many"]
    assert len(asked) == before
    assert len(found) == 5
    assert found == [one for one in read_versions(inventory.home.mlflow_database) if one.name == "many"]
    client.delete_registered_model("many")
