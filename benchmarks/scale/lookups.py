"""What asking a large registry takes: `python -m benchmarks.scale.lookups` prints a line of JSON for each question.

Each is the product's own function, in a process that has loaded the libraries already, on a home that
benchmarks.scale.registry_home made and SHARDGAN_HOME names. The rollback undoes the promotion.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from mlflow.tracking import MlflowClient

from benchmarks.scale.registry_home import MODEL, PROTOCOL, SCORE, run_name
from models.metrics.evaluation import Scores
from tasks.home import home
from tasks.registry.champion_check import check_champions
from tasks.registry.config import PromotionPolicy
from tasks.registry.decisions.succession import roll_back
from tasks.registry.promotion import Rival, promote
from tasks.registry.versions import find_champion, find_version, find_version_of
from tasks.service.monitoring.champions import collect_champions
from tasks.service.monitoring.trainings import TrainingFigures
from tasks.tracking.runs import connect


def champion(client: MlflowClient) -> Any:
    """Look up the champion."""
    return getattr(find_champion(client, MODEL), "version", None)


def version_of_run(client: MlflowClient) -> Any:
    """Look up the version that a run has made, by both of its names."""
    found = find_version(client, MODEL, run_id=f"{7:032x}"), find_version_of(client, MODEL, run=run_name(8))
    return [str(one and one.version) for one in found]


def promotion(client: MlflowClient) -> Any:
    """Decide about the newest version, against the champion, and make it champion."""
    scores = [
        Scores(values={SCORE: value, "recall": 1, "coverage": 1}, protocol=PROTOCOL, baselines={SCORE: 100})
        for value in (10.0, 20.0)
    ]
    now = find_champion(client, MODEL)
    assert now is not None
    version = client.get_model_version_by_alias(MODEL, "challenger")
    policy = PromotionPolicy(score=SCORE, floors="off")
    return promote(client, home(), version, scores[0], Rival(now, scores[1]), policy).why


def rollback(client: MlflowClient) -> Any:
    """Make the champion before champion again."""
    return roll_back(client, home(), MODEL, "a trial").champion


def foreign_champions(_client: MlflowClient) -> Any:
    """Look for champions that were made outside of shardgan, as the service does every few minutes."""
    return check_champions.fn()


def figures(_client: MlflowClient) -> Any:
    """Collect the figures of champions and trainings for Prometheus."""
    return len([*collect_champions(home(), None), *TrainingFigures(home()).collect()])


LOOKUPS: dict[str, Callable[[MlflowClient], Any]] = {
    "champion look-up": champion,
    "version of a run": version_of_run,
    "promotion": promotion,
    "rollback": rollback,
    "check of foreign champions": foreign_champions,
    "figures for Prometheus": figures,
}

if __name__ == "__main__":
    client = connect(home())
    client.search_experiments(max_results=1)  # opens the database
    for what, ask in LOOKUPS.items():
        began, cpu = time.monotonic(), time.process_time()
        answer = ask(client)
        taken = {"seconds": round(time.monotonic() - began, 3), "cpu": round(time.process_time() - cpu, 3)}
        print(json.dumps({"what": what, **taken, "said": str(answer)[:300]}))
