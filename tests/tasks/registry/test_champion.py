"""Two evaluations at once, as two processes: on one machine, and on two that share nothing but the servers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.settings import PREFECT_API_URL

from tasks.home import home
from tasks.tracking.model_ref import CHAMPION
from tasks.tracking.runs import connect
from tests.prefect_servers import prefect_test_server
from tests.tasks.conftest import make_version

ROUNDS = 3
# Judges its own version of a model whenever a line on stdin names one: under the home that both have, or in a flow
# under a home of its own.
CONTENDER = """
import sys
from pathlib import Path
from prefect import flow
from models.metrics.protocol import Protocol
from models.metrics.evaluation import Scores
from tasks.home import Home, home
from tasks.registry.config import PromotionPolicy
from tasks.registry.promotion import Rival, promote
from tasks.tracking.runs import connect

mine, own_home = sys.argv[1:]
about = dict(feature_net="n", weights_sha256="0", input_size=64, resize_filter="f", num_generated=10, num_reference=10)
protocol = Protocol(**about, dataset="d", dataset_version="v", split="val", seed=0)
client = connect(home())

def judge(name: str, here: Home) -> bool:
    champion, version = client.get_model_version(name, "1"), client.get_model_version(name, mine)
    scores = [Scores(values={"FD-MobileNetV2": value}, protocol=protocol) for value in (4.0, 5.0)]
    return promote(client, here, version, scores[0], Rival(champion, scores[1]), PromotionPolicy(floors="off")).promoted

@flow
def judge_elsewhere(name: str) -> bool:
    return judge(name, Home(Path(own_home), own_home))

print("ready", flush=True)
for line in sys.stdin:
    name, where = line.split()
    print("won" if (judge(name, home()) if where == "here" else judge_elsewhere(name)) else "lost", flush=True)
"""


class Contender:
    """A process that judges version `number` of the models it is told of."""

    def __init__(self, number: int, own_home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CONTENDER, str(number), str(own_home)],
            env=os.environ | {"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_API_URL": str(PREFECT_API_URL.value())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()


@contextmanager
def contenders(folder: Path) -> Iterator[tuple[Contender, Contender]]:
    """Two of them, both ready."""
    one, other = Contender(2, folder / "one"), Contender(3, folder / "other")
    try:
        assert [one.hear(), other.hear()] == ["ready", "ready"]
        yield one, other
    finally:
        for contender in (one, other):
            contender.process.kill()
            contender.process.communicate()


def make_models(folder: Path) -> list[str]:
    """Models with a champion, version 1, and two versions that are both better."""
    client = connect(home())
    names = [f"m{index}" for index in range(2 * ROUNDS)]
    for name in names:
        client.create_registered_model(name)
        for version in "abc":
            make_version(client, name, folder / name / version)
        client.set_registered_model_alias(name, CHAMPION, "1")
    return names


def test_of_two_evaluations_at_once_one_wins_and_each_decision_is_shown(
    home_dir: Path, tmp_path: Path, stop_servers: None
) -> None:
    """Under homes that differ there are two lock files: Prefect's server is what the two have in common."""
    names = make_models(tmp_path)
    with prefect_test_server():
        with contenders(tmp_path) as both:
            for index, name in enumerate(names):
                for contender in both:
                    contender.tell(f"{name} {'here' if index < ROUNDS else 'elsewhere'}")
                said = [contender.hear() for contender in both]
                assert sorted(said) == ["lost", "won"]
                check_trail(name, *(("2", "3") if said[0] == "won" else ("3", "2")))
        with get_client(sync_client=True) as prefect:
            shown = prefect.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["gate"])))
    assert len(shown) == 2 * ROUNDS
    won = [str(artifact.data) for artifact in shown if ": promoted." in str(artifact.data)]
    assert len(won) == ROUNDS
    assert all("better: FD-MobileNetV2 4.000 against the champion's 5.000" in text for text in won)


def check_trail(name: str, winner: str, loser: str) -> None:
    client = connect(home())
    assert str(client.get_model_version_by_alias(name, CHAMPION).version) == winner
    assert client.get_model_version(name, winner).tags["gate.replaced"] == "1"
    why = client.get_model_version(name, loser).tags["gate.why"]
    assert why == f"the champion changed to version {winner} meanwhile: evaluate again"
