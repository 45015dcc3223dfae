"""A person decides about a version in Prefect's UI, and on the command line while Prefect waits.

Screenshots are left in test-output/. Minutes; `make test-browser`.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.test_service import log_in
from tests.flows.test_service import Service
from tests.waiting import wait_until

SETTINGS = [
    *("shard.resolution=16", "shard.val_fraction=0.3", "shard.workers=1"),
    *("train.batch_size=8", "train.width=4", "train.latent_dim=8", "train.tick_nimg=160", "train.compute.threads=1"),
    *("evaluate.num_images=16", "evaluate.input_size=32", "evaluate.device=cpu", "promote.floors=off"),
]


def evaluated(service: Service, collection: Path, seed: int, *settings: str) -> dict[str, Any]:
    """Train a version and evaluate it with a question to a person; returns the outcome of the evaluation."""
    asked = ["--source", str(collection), "--dataset", "tiny", "--nimg", "160", "--seed", str(seed), "--json"]
    outcome = json.loads(service.run("run", *asked, *SETTINGS, "promote.approval=ask", *settings))
    return dict(outcome["evaluate"])


def question(service: Service) -> dict[str, Any]:
    """The newest flow run that asks, once it is suspended."""

    def suspended() -> dict[str, Any]:
        run = service.flow_runs("ask-approval")[-1]
        assert run["state_type"] not in ("FAILED", "CRASHED"), run["state"]
        return run if run["state_name"] == "Suspended" else {}

    wait_until(lambda: service.flow_runs("ask-approval"))
    return wait_until(suspended)


def ended(service: Service, run: dict[str, Any]) -> dict[str, Any]:
    def state() -> dict[str, Any]:
        now = service.call("GET", f"/flow_runs/{run['id']}")
        return now["state"] if now["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else {}

    return wait_until(state)


@pytest.mark.slow
def test_a_person_decides(service: Service, page: Page, collection: Path) -> None:
    wait_until(service.is_set_up)
    log_in(page, service)

    # The first version: approved on the command line. The flow run that waits ends too.
    first = evaluated(service, collection, 0)
    assert (first["promoted"], first["waiting"], first["champion"]) == (False, True, None)
    run = question(service)
    service.run("approve", "models:/tiny/1", "--by", "Ann", "--reason", "the first one")
    state = ended(service, run)
    assert (state["name"], state["type"]) == ("Approved", "COMPLETED")
    assert state["message"].startswith("approved by Ann on")
    assert '"aliases": ["champion"' in service.run("show", "models:/tiny/1", "--json")

    # The second one: approved in the form.
    second = evaluated(service, collection, 1, "promote.min_gain=0", "promote.score=nothing-decides-here")
    assert not second["waiting"]
