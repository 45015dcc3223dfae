"""The live page in a real browser, opened as a file: no server, no network. Screenshots are left in test-output/."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tasks.trainer.live_page import LivePage
from tasks.trainer.run_directory import RunDirectory
from tests.browser.test_service import SHOTS

FORMER = Path(__file__).parents[1] / "data" / "first_wave" / "home" / "runs" / "first-dcgan-3992d8fd"


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    path = tmp_path / FORMER.name
    shutil.copytree(FORMER, path, ignore=shutil.ignore_patterns("checkpoints"))
    run = RunDirectory(path)
    run.set_status("running", 240)
    run.append_stats({"nimg": 240, "event": "collapsed_samples", "action": "warn", "reason": "<b>all alike</b>"})
    return run


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_follows_a_training(browser: Browser, run: RunDirectory, width: int, scheme: str) -> None:
    live = LivePage(run)
    live.start()
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)  # type: ignore[arg-type]
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(live.url)
    expect(page.get_by_role("status")).to_have_text("Training")
    expect(page.get_by_text("<b>all alike</b>")).to_be_visible()
    expect(page.locator("#charts svg").first).to_be_visible()

    grid = page.locator("#generated img")
    newest, oldest = (f"samples/{run.list_samples()[number][1].name}" for number in (-1, 0))
    expect(grid).to_have_attribute("src", newest)
    expect(grid).to_have_css("image-rendering", "pixelated")
    page.get_by_role("slider").fill("0")
    expect(grid).to_have_attribute("src", oldest)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"live-{width}-{scheme}.png", full_page=True)

    run.set_status("done", 480)
    live.finish()
    expect(page.get_by_role("status")).to_have_text("Done")
    expect(grid).to_have_attribute("src", oldest)  # whoever looks back is not interrupted
    assert errors == []
    page.close()
