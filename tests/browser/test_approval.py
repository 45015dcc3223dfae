"""A person decides about versions: on the command line while Prefect waits, and in the form of Prefect's UI.

Screenshots are left in test-output/. Minutes; `make test-browser`.
"""

import json
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from models.metrics.directions import higher_is_better, same_score
from tests.browser.test_service import log_in, shoot
from tests.flows.test_service import Service
from tests.waiting import wait_until

EVALUATE = ["evaluate.num_images=16", "evaluate.input_size=32", "evaluate.device=cpu", "promote.floors=off"]
SETTINGS = [
    *("shard.resolution=16", "shard.val_fraction=0.3", "shard.workers=1"),
    *("train.batch_size=8", "train.width=4", "train.latent_dim=8", "train.tick_nimg=80", "train.compute.threads=1"),
    *EVALUATE,
]
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def train(service: Service, collection: Path, seed: int, *settings: str) -> dict[str, Any]:
    """Train and evaluate a version; returns the outcome of the evaluation."""
    asked = ["--source", str(collection), "--dataset", "tiny", "--nimg", "80", "--seed", str(seed), "--json"]
    return dict(json.loads(service.run("run", *asked, *SETTINGS, *settings))["evaluate"])


def question(service: Service, number: int) -> dict[str, Any]:
    """The flow run that asks as the `number`th one, once it is suspended."""

    def suspended() -> dict[str, Any]:
        runs = service.flow_runs("ask-approval")
        if len(runs) < number:
            return {}
        assert runs[-1]["state_type"] not in FINAL, runs[-1]["state"]
        return dict(runs[-1]) if runs[-1]["state_name"] == "Suspended" else {}

    return dict(wait_until(suspended))


def end_of(service: Service, run: dict[str, Any]) -> dict[str, Any]:
    """The final state of the flow run."""

    def state() -> dict[str, Any]:
        now = service.call("GET", f"/flow_runs/{run['id']}")["state"]
        return dict(now) if now["type"] in FINAL else {}

    return dict(wait_until(state))


def kill_workers(service: Service) -> None:
    """Kill both workers with all that they started; `shardgan up` starts them again."""
    before = workers(service)
    for worker in before:
        for process in [worker, *worker.children(recursive=True)]:
            process.send_signal(signal.SIGKILL)
    gone = {worker.pid for worker in before}
    wait_until(lambda: len([worker for worker in workers(service) if worker.pid not in gone]) == len(before))


def workers(service: Service) -> list[psutil.Process]:
    started = psutil.Process(service.process.pid).children(recursive=True)
    return [one for one in started if "tasks.service.pool_worker" in " ".join(one.cmdline())]


@pytest.mark.slow
def test_a_person_decides(service: Service, page: Page, collection: Path) -> None:
    wait_until(service.is_set_up)
    log_in(page, service)

    # The first version is approved on the command line. The flow run that waits ends as well.
    first = train(service, collection, 0, "promote.approval=ask")
    assert (first["promoted"], first["waiting"], first["champion"]) == (False, True, None)
    run = question(service, 1)
    service.run("approve", "models:/tiny/1", "--by", "Ann", "--reason", "the first one")
    state = end_of(service, run)
    assert (state["name"], state["type"]) == ("Approved", "COMPLETED")
    assert state["message"].startswith("approved by Ann on")

    # The second version is approved in the form, after all workers were killed while it waited.
    second = train(service, collection, 1, "promote.enabled=false")
    score = better(second["scores"], first["scores"])
    rule = ["promote.approval=ask", "promote.independent=off", f"promote.score={score}"]
    asked = json.loads(service.run("evaluate", "--model", "models:/tiny/2", "--json", *EVALUATE, *rule))
    assert asked["waiting"], asked["why"]
    run = question(service, 2)
    kill_workers(service)
    assert question(service, 2)["id"] == run["id"]
    fill_in(page, f"http://127.0.0.1:{service.prefect_port}/runs/flow-run/{run['id']}")
    state = end_of(service, run)
    assert (state["name"], state["type"]) == ("Approved", "COMPLETED"), state
    (shown,) = json.loads(service.run("show", "models:/tiny/2", "--json"))["found"]
    assert "champion" in shown["thing"]["aliases"]
    assert shown["thing"]["why"] == "approved by Bob Example: sharper"
    assert (shown["thing"]["approval"]["state"], shown["thing"]["approval"]["by"]) == ("approved", "Bob Example")
    page.reload()
    expect(page.get_by_text("Approved").first).to_be_visible()
    shoot(page, "approval-done")


def better(mine: dict[str, float], theirs: dict[str, float]) -> str:
    """A score of which the second version has the better value: only then does the rule ask."""
    differ = [name for name in mine if not name.endswith("-std") and not same_score(mine[name], theirs[name])]
    return next(name for name in differ if (mine[name] > theirs[name]) == higher_is_better(name))


def fill_in(page: Page, url: str) -> None:
    """Approve in the dialog, which shows both grids and the scores."""
    page.goto(url)
    page.get_by_role("button", name="Resume").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("May tiny version 2 become champion?")).to_be_visible()
    grids = dialog.locator("img[src^='data:image']")
    expect(grids).to_have_count(2)
    for place in range(2):
        assert grids.nth(place).evaluate("image => image.complete && image.naturalWidth > 0")
    expect(dialog.get_by_role("cell", name="FD-MobileNetV2")).to_be_visible()
    shoot(page, "approval-form")
    choose(page, dialog, "approve")
    below(dialog, "Name", "textarea").fill("Bob Example")
    below(dialog, "Reason (Optional)", "textarea").fill("sharper")
    shoot(page, "approval-filled")
    with page.expect_response(lambda answer: answer.url.endswith("/resume")) as sent:
        dialog.get_by_role("button", name="Submit").click()
    assert sent.value.ok


def choose(page: Page, dialog: Locator, option: str) -> None:
    below(dialog, "Decision", "fieldset").locator("svg").click()
    page.get_by_text(option, exact=True).last.click()


def below(dialog: Locator, label: str, kind: str) -> Locator:
    """The input that follows the label."""
    return dialog.get_by_text(label, exact=True).first.locator(f"xpath=following::{kind}[1]")
