"""The registry's tables say what MLflow's client says, and versions keep their scores and origin."""

from tasks.home import home
from tasks.tracking.inventory.inventory import Inventory
from tasks.tracking.inventory.models import list_versions
from tasks.tracking.inventory.registry_server import ask_versions
from tasks.tracking.inventory.registry_tables import read_versions
from tasks.tracking.runs import connect
from tests.first_wave import DATASET, RUN_OF_ONE


def test_a_version_has_its_scores_origin_and_size(inventory: Inventory) -> None:
    two, one = inventory.models
    assert (two.title, two.aliases, two.scores) == ("models:/first/2", ["challenger", "champion"], {})
    assert (one.run, f"{one.dataset}@{one.dataset_version}", one.aliases) == (RUN_OF_ONE, DATASET, [])
    (scores,) = one.scores.values()
    assert one.main_score == ("FD-EffNetLite0", one.shown_scores["FD-EffNetLite0"])
    assert round(scores.values["FD-EffNetLite0"], 4) == one.shown_scores["FD-EffNetLite0"]
    assert one.bytes
    assert one.bytes > 100_000


def test_the_tables_say_what_mlflow_says(inventory: Inventory) -> None:
    database = inventory.home.mlflow_database
    client = connect(home())
    client.create_registered_model("it's odd")
    gone = client.create_model_version("it's odd", "file:///nowhere", tags={"a": "b", "empty": ""})
    client.create_model_version("it's odd", "file:///nowhere")
    client.set_registered_model_alias("it's odd", "champion", "2")
    assert read_versions(database) == ask_versions(home())
    client.delete_model_version("it's odd", gone.version)
    assert [one.version for one in read_versions(database) if one.name == "it's odd"] == ["2"]
    assert read_versions(database) == ask_versions(home())
    foreign = list_versions(home())[-1]
    assert (foreign.title, foreign.aliases, foreign.bytes) == ("models:/it's odd/2", ["champion"], None)
