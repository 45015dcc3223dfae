"""The service in a real browser: fill the form, watch the pipeline, open what it shows, see the model in MLflow.

Screenshots of every step are left in test-output/. Minutes; `make test-browser`.
"""

import re
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.flows.test_service import Service
from tests.waiting import wait_until

SHOTS = Path(__file__).parents[2] / "test-output"
CREATED = 201
# What is typed into the pipeline's form; by the labels that people see, under their section's.
TYPED = {
    ("Sharding", "Dataset"): "tiny",
    ("Sharding", "Resolution"): "16",
    ("Sharding", "Validation share"): "0.3",
    ("Sharding", "Workers"): "1",
    ("Training", "Images"): "1600",
    ("Training", "Batch size"): "8",
    ("Training", "Width"): "4",
    ("Training", "Latents"): "8",
    ("Training", "Tick"): "160",
    ("Training", "Snapshot every"): "2",
    ("Evaluation", "Generated images"): "16",
    ("Evaluation", "Feature net input size"): "32",
}


def shoot(page: Page, name: str) -> None:
    """Keep what the page looks like."""
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


@pytest.mark.slow
def test_from_the_form_to_the_champion(service: Service, page: Page, collection: Path) -> None:
    wait_until(service.is_set_up)
    log_in(page, service)
    walk_through(page, f"http://127.0.0.1:{service.prefect_port}", service, collection)


def log_in(page: Page, service: Any) -> None:
    """Follow the links that `shardgan up` prints in a terminal."""
    page.goto(service.links["mlflow"])
    expect(page.get_by_text("Experiments").first).to_be_visible()
    page.goto(service.links["prefect"])
    expect(page.get_by_text("Dashboard").first).to_be_visible()


def walk_through(page: Page, prefect: str, service: Any, collection: Path) -> None:
    """All that a colleague does, from the deployment's form to the model's page."""
    deployment = service.call("GET", "/deployments/name/pipeline/images-to-champion")
    page.goto(f"{prefect}/v2/deployments/deployment/{deployment['id']}/run")
    see_what_comes_first(page)
    for section in SECTIONS:
        open_all_settings(page, section)
    typed = {("Sharding", "Source"): str(collection), **TYPED}
    for (section, label), value in typed.items():
        fill(page, section, label, value)
    page.get_by_text("Parameters", exact=True).first.scroll_into_view_if_needed()
    shoot(page, "form-filled")

    fill(page, "Training", "Images", "-5")
    page.get_by_role("button", name="Submit").click()
    said = field(page, "Training", "Images").evaluate("input => input.validationMessage")
    assert "1" in said  # the browser's own words: the form gives it the bound
    fill(page, "Training", "Images", TYPED["Training", "Images"])

    fill(page, "Sharding", "Dataset", "My Pictures")
    checks = count(1)  # Prefect's form checks when Submit is clicked, and by itself one second after a refusal
    with page.expect_response(lambda answer: "schemas/validate" in answer.url and next(checks) == 2):
        page.get_by_role("button", name="Submit").click()
    refusal = page.get_by_text("'My Pictures' does not match")
    expect(refusal.first).to_be_visible()
    shoot(page, "form-refused")
    assert not service.flow_runs("pipeline")

    fill(page, "Sharding", "Dataset", TYPED["Sharding", "Dataset"])
    page.get_by_role("button", name="Submit").click()  # while the form shows a message, a click only checks it again
    expect(refusal).to_have_count(0)
    assert submit(page) == CREATED
    trained = wait_until(lambda: service.flow_runs("train-gan"))[0]
    wait_until(lambda: shown(service, "samples", trained["id"]))
    page.goto(f"{prefect}/runs/flow-run/{trained['id']}")
    page.wait_for_timeout(3000)  # the graph is drawn by and by
    shoot(page, "training-run")
    page.get_by_text("Artifacts", exact=True).first.click()
    expect(page.get_by_role("heading", name="Task runs")).to_be_visible()
    scroll_to(page, page.get_by_text(re.compile("generated after")).first)
    shoot(page, "training-artifacts")

    watch_the_end(page, prefect, service, trained)


def watch_the_end(page: Page, prefect: str, service: Any, trained: dict[str, Any]) -> None:
    """The finished pipeline, its summary and a grid; then the version in MLflow."""
    wait_until(lambda: service.flow_runs("pipeline")[0]["state_type"] in ("COMPLETED", "FAILED", "CRASHED"))
    run = service.flow_runs("pipeline")[0]
    assert run["state_type"] == "COMPLETED", run["state"]
    assert re.fullmatch(r"tiny-dcgan-16-\d{8}-\d{6}", run["name"])
    page.goto(f"{prefect}/runs/flow-run/{run['id']}")
    expect(page.get_by_text(run["name"]).first).to_be_visible()
    page.wait_for_timeout(3000)  # the graph is drawn by and by
    shoot(page, "pipeline-run")

    summary = shown(service, "summary", run["id"])
    page.goto(f"{prefect}/artifacts/artifact/{summary['id']}")
    # 48 images are too few for scores that decide: the default floors hold it back, and say so.
    expect(page.get_by_text(re.compile("are unreliable and decide nothing")).first).to_be_visible()
    expect(page.get_by_text("tiny version 1: not promoted").first).to_be_visible()
    shoot(page, "summary")
    grid = shown(service, "samples", trained["id"])
    page.goto(f"{prefect}/artifacts/artifact/{grid['id']}")
    picture = page.locator("img[src^='data:image']").first
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    shoot(page, "grid")

    page.goto(f"{prefect}/artifacts/artifact/{summary['id']}")
    page.goto(str(page.get_by_role("link", name="tiny version 1").first.get_attribute("href")))
    expect(page.get_by_text("challenger").first).to_be_visible()
    expect(page.get_by_text("shardgan.dataset_version").first).to_be_visible()
    shoot(page, "mlflow-version")
    page.goto(f"{prefect}/artifacts/artifact/{summary['id']}")
    page.goto(str(page.get_by_role("link", name=re.compile(r"000000001600\.png")).first.get_attribute("href")))
    page.get_by_text("000000001600.png").first.click()
    expect(page.locator("img[src*='000000001600'], img[src^='blob:'], img[src^='data:']").first).to_be_visible()
    page.wait_for_timeout(3000)
    shoot(page, "mlflow-grid")


def see_what_comes_first(page: Page) -> None:
    """The five settings that people change, with examples; all others are folded."""
    example = page.get_by_text("For example: /data/flowers").first
    expect(example).to_be_visible()
    form = page.locator("form")
    labels = [text.removesuffix("(Optional)").strip() for text in form.locator("label").all_inner_texts()]
    place = labels.index("Sharding")
    assert labels[place : place + 7] == ["Sharding", "Source", "Dataset", "Resolution", "Training", "Family", "Images"]
    assert "Batch size" not in labels
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            expect(example).to_be_visible()
            shoot(page, f"form-{width}-{scheme}")


def open_all_settings(page: Page, section: str) -> None:
    """Unfold a section."""
    tab = "xpath=following::*[@role='tab'][normalize-space()='All settings'][1]"
    find_heading(page, section).locator(tab).click()


def find_heading(page: Page, section: str) -> Locator:
    """The label of a section."""
    return page.get_by_text(re.compile(rf"^\s*({section}|{SECTIONS[section]})(\s*\(Optional\))?\s*$")).first


def fill(page: Page, section: str, label: str, value: str) -> None:
    """Type into the field of that label in the part of the form below the heading `section`."""
    field(page, section, label).fill(value)
    field(page, section, label).press("Tab")  # it is taken over when it is left


def scroll_to(page: Page, wanted: Locator) -> None:
    """Turn the mouse's wheel until `wanted` is seen: Prefect makes only those rows of a list that are in the window."""
    page.mouse.move(760, 700)
    for _ in range(100):
        if wanted.count():
            break
        page.mouse.wheel(0, 300)
        page.wait_for_timeout(100)
    expect(wanted).to_be_visible()


def submit(page: Page) -> int:
    """Send the form; returns the status that the server answers with."""
    with page.expect_response(lambda answer: "create_flow_run" in answer.url) as sent:
        page.get_by_role("button", name="Submit").click()
    return sent.value.status


def field(page: Page, section: str, label: str) -> Locator:
    """The input under the label; labels of optional fields say so."""
    names = re.compile(rf"^\s*{re.escape(label)}(\s*\(Optional\))?\s*$")
    block = find_heading(page, section).locator("xpath=ancestor::*[.//textarea or .//input][1]")
    return block.get_by_text(names).first.locator("xpath=following::*[self::textarea or self::input][1]")


# Headings as the two versions of the UI show them.
SECTIONS = {"Sharding": "Shard", "Training": "Train", "Evaluation": "Evaluate"}


def shown(service: Any, key: str, flow_run: str) -> dict[str, Any]:
    """The newest artifact of that key that the flow run has; empty while there is none."""
    wanted = {
        "artifacts": {"key": {"any_": [key]}, "flow_run_id": {"any_": [flow_run]}},
        "sort": "CREATED_DESC",
        "limit": 1,
    }
    found: list[dict[str, Any]] = service.call("POST", "/artifacts/filter", wanted)
    return found[0] if found else {}
