"""Two evaluations at once, as two processes: on one machine, and on two that share nothing but the servers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from tasks.home import home
from tasks.registry import CHAMPION
from tasks.succession import succeed
from tasks.tracking import connect

ROUNDS = 3
# Judges its own version of one model after the other, each when it is told to on stdin.
CONTENDER = """
import sys
from prefect import flow
from models.evaluation import Protocol, Scores
from tasks.home import home
from tasks.promotion import PromotionPolicy, promote
from tasks.tracking import connect

mine, inside_a_flow = sys.argv[1], sys.argv[2] == "flow"
about = dict(feature_net="n", weights_sha256="0", input_size=64, resize_filter="f", num_generated=10, num_reference=10)
protocol = Protocol(**about, dataset="d", dataset_version="v", split="val", seed=0)
client = connect(home())

def judge(name: str) -> bool:
    champion, version = client.get_model_version(name, "1"), client.get_model_version(name, mine)
    scores = [Scores(values={"FD-EffNetLite0": value}, protocol=protocol) for value in (4.0, 5.0)]
    return promote(client, home(), version, scores[0], (champion, scores[1]), PromotionPolicy()).promoted

judge = flow(judge) if inside_a_flow else judge
print("ready", flush=True)
for line in sys.stdin:
    print("won" if judge(line.strip()) else "lost", flush=True)
"""


@contextmanager
def contender(version: int, where: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", CONTENDER, str(version), where],
        env=os.environ | {"PREFECT_LOGGING_LEVEL": "CRITICAL"} | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()


def hear(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def compete(names: list[str], one: "subprocess.Popen[str]", other: "subprocess.Popen[str]") -> list[list[str]]:
    """What each of the two says to each model; both are told at the same time."""
    assert [hear(one), hear(other)] == ["ready", "ready"]
    said = []
    for name in names:
        for process in (one, other):
            assert process.stdin
            process.stdin.write(f"{name}\n")
            process.stdin.flush()
        said.append([hear(one), hear(other)])
    return said


@pytest.fixture
def names(home_dir: Path) -> list[str]:
    """Models with a champion, version 1, and two versions that are both better."""
    client = connect(home())
    made = [f"m{index}" for index in range(ROUNDS)]
    for name in made:
        client.create_registered_model(name)
        for version in "abc":
            client.create_model_version(name, f"file://{home_dir}/{version}")
        client.set_registered_model_alias(name, CHAMPION, "1")
    return made


def check(names: list[str], said: list[list[str]]) -> None:
    assert [sorted(words) for words in said] == [["lost", "won"]] * ROUNDS
    client = connect(home())
    for name, words in zip(names, said, strict=True):
        winner, loser = ("2", "3") if words[0] == "won" else ("3", "2")
        assert str(client.get_model_version_by_alias(name, CHAMPION).version) == winner
        assert client.get_model_version(name, winner).tags["gate.replaced"] == "1"
        why = client.get_model_version(name, loser).tags["gate.why"]
        assert why == f"the champion changed to version {winner} meanwhile: evaluate again"


def test_of_two_evaluations_at_once_one_wins(names: list[str]) -> None:
    with contender(2, "alone") as one, contender(3, "alone") as other:
        check(names, compete(names, one, other))


def test_of_two_machines_one_wins_and_each_decision_is_shown(names: list[str], tmp_path: Path) -> None:
    """The homes differ, and with them the lock files: Prefect's server is what the two have in common."""
    shared = {"MLFLOW_TRACKING_URI": home().tracking_uri}
    with prefect_test_harness(server_startup_timeout=120):
        shared["PREFECT_API_URL"] = str(PREFECT_API_URL.value())
        with (
            contender(2, "flow", **shared, SHARDGAN_HOME=str(tmp_path / "a")) as one,
            contender(3, "flow", **shared, SHARDGAN_HOME=str(tmp_path / "b")) as other,
        ):
            check(names, compete(names, one, other))
        with get_client(sync_client=True) as client:
            shown = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["gate"])))
    assert len(shown) == 2 * ROUNDS
    won = [str(artifact.data) for artifact in shown if ": promoted." in str(artifact.data)]
    assert len(won) == ROUNDS
    assert all("better: FD-EffNetLite0 4.000 against the champion's 5.000" in text for text in won)


def test_a_champion_made_by_hand_keeps_the_reasons_and_the_time(names: list[str]) -> None:
    client = connect(home())
    succeed(client, home(), client.get_model_version(names[0], "2"), "by hand: sharper")
    tags = client.get_model_version(names[0], "2").tags
    assert (tags["gate.promoted"], tags["gate.why"], tags["gate.replaced"]) == ("true", "by hand: sharper", "1")
    assert tags["gate.at"].endswith("+00:00")
