"""A person decides about versions: in the form of Prefect's UI, and on the command line while Prefect waits.

Screenshots are left in test-output/. Minutes; `make test-browser`.
"""

import contextlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from models.metrics.directions import higher_is_better, same_score
from tests.browser.test_service import log_in, shoot
from tests.first_wave import lay_out_home
from tests.flows.test_service import Service
from tests.waiting import wait_until

EVALUATE = [
    *("evaluate.num_images=16", "evaluate.input_size=32", "evaluate.device=cpu"),
    *("promote.floors=off", "promote.independent=off", "promote.approval=ask"),
]
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service on a home with two versions of `first`, the second of which is champion."""
    service = Service(lay_out_home(tmp_path))
    yield service
    if service.process.poll() is None:
        service.stop()


def evaluate(service: Service, version: int, *settings: str) -> dict[str, Any]:
    asked = ["--model", f"models:/first/{version}", "--json", *EVALUATE, *settings]
    return dict(json.loads(service.run("evaluate", *asked)))


def show(service: Service, version: int) -> dict[str, Any]:
    (found,) = json.loads(service.run("show", f"models:/first/{version}", "--json"))["found"]
    return dict(found["thing"])


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
    return [one for one in started if "tasks.service.pool_worker" in command_of(one)]


def command_of(process: psutil.Process) -> list[str]:
    """Its words; none if it has ended meanwhile, or was killed and is not yet waited for."""
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


@pytest.mark.slow
def test_a_person_decides(service: Service, page: Page) -> None:
    wait_until(service.is_set_up)
    log_in(page, service)
    first = evaluate(service, 1, "promote.enabled=false")
    scores = {1: first["scores"]}
    (scored,) = show(service, 2)["scores"].values()
    scores[2] = scored["values"]

    # In the form, after all workers were killed while the question waited.
    asked = evaluate(service, 1, f"promote.score={better(scores[1], scores[2])}")
    assert (asked["promoted"], asked["waiting"], asked["champion"]) == (False, True, "models:/first/2"), asked["why"]
    run = question(service, 1)
    kill_workers(service)
    assert question(service, 1)["id"] == run["id"]
    fill_in(page, f"http://127.0.0.1:{service.prefect_port}/runs/flow-run/{run['id']}")
    state = end_of(service, run)
    assert (state["name"], state["type"]) == ("Approved", "COMPLETED"), state
    version = show(service, 1)
    assert "champion" in version["aliases"]
    assert version["why"] == "approved by Bob Example: sharper"
    assert (version["approval"]["state"], version["approval"]["by"]) == ("approved", "Bob Example")

    # On the command line: the flow run that waits ends as well.
    assert evaluate(service, 2, f"promote.score={better(scores[2], scores[1])}")["waiting"]
    run = question(service, 2)
    service.run("decline", "models:/first/2", "--by", "Ann", "--reason", "all alike")
    state = end_of(service, run)
    assert (state["name"], state["type"]) == ("Declined", "COMPLETED")
    assert state["message"].startswith("declined by Ann on")
    assert "champion" in show(service, 1)["aliases"]


def better(mine: dict[str, float], theirs: dict[str, float]) -> str:
    """A score of which one version has the better value: only then does the rule ask."""
    differ = [name for name in mine if not name.endswith("-std") and not same_score(mine[name], theirs[name])]
    return next(name for name in differ if (mine[name] > theirs[name]) == higher_is_better(name))


def fill_in(page: Page, url: str) -> None:
    """Approve in the dialog, which shows both grids and the scores."""
    page.goto(url)
    page.get_by_role("button", name="Resume").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("become champion?")).to_be_visible()
    grids = dialog.locator("img[src^='data:image']")
    expect(grids).to_have_count(2)
    for place in range(2):
        assert grids.nth(place).evaluate("image => image.complete && image.naturalWidth > 0")
    expect(dialog.get_by_role("cell", name="FD-MobileNetV2")).to_be_visible()
    choose(page, dialog, "approve")
    below(dialog, "Name", "textarea").fill("Bob Example")
    below(dialog, "Reason (Optional)", "textarea").fill("sharper")
    shoot(page, "approval-form")
    with page.expect_response(lambda answer: answer.url.endswith("/resume")) as sent:
        dialog.get_by_role("button", name="Submit").click()
    assert sent.value.ok


def choose(page: Page, dialog: Locator, option: str) -> None:
    below(dialog, "Decision", "fieldset").locator("svg").click()
    page.get_by_text(option, exact=True).last.click()


def below(dialog: Locator, label: str, kind: str) -> Locator:
    """The input that follows the label."""
    return dialog.get_by_text(label, exact=True).first.locator(f"xpath=following::{kind}[1]")
