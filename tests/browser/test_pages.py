"""The pages in a real browser, opened as files: light and dark, on a desk and on a phone, with a pointer and by touch.

Screenshots are left in test-output/.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tasks.evaluation.comparison.page import Pictures, render_comparison
from tasks.evaluation.comparison.side_by_side import compare, find_versions
from tasks.home import home
from tasks.reports.report import Neighbour, ReportData, render_report
from tasks.study.report.page import render_study
from tasks.tracking.inventory.inventory import Inventory
from tests.browser.test_service import SHOTS
from tests.first_wave import lay_out_home
from tests.tasks.reports.test_report import make_data, noise_png
from tests.tasks.study.test_results import study

pytestmark = pytest.mark.slow
NUM_COLUMNS, NUM_ROWS = 2, 8


def report_data() -> ReportData:
    near = [Neighbour(noise_png(16), f"training image {number:06d}, class one", f"{number}.5") for number in range(3)]
    pictures = {name: noise_png(64) for name in ("generated", "real", "pairs", "truncation", "interpolation")}
    return replace(
        make_data(),
        num_columns=NUM_COLUMNS,
        neighbours=[near] * NUM_COLUMNS * NUM_ROWS,
        real_scores={"FD-EffNetLite0": 12.5},
        by_class={"zero": 3.0, "a class with a name that is rather long": 7.0},
        lineage={"Manifest": "s3://bucket/" + "folder/" * 20 + "manifest.json"},
        **pictures,  # type: ignore[arg-type]
    )


def comparison_page(root: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDGAN_HOME", str(lay_out_home(root)))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        inventory = Inventory(home())
        comparison = compare(inventory, find_versions(inventory, ["first"]))
    return render_comparison(comparison, [Pictures(noise_png(64), noise_png(64), ["bright", "dark"])] * 2, 0)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("pages")
    texts = {
        "report": render_report(report_data()),
        "study": render_study(study(), {"shard": {"source": "/pictures/" * 12}}, {"run": "r"}, "2026-11-27"),
        "compare": comparison_page(root),
    }
    for name, text in texts.items():
        (root / f"{name}.html").write_text(text)
    return {name: root / f"{name}.html" for name in texts}


@contextmanager
def opened(browser: Browser, path: Path, width: int, scheme: str = "light", touch: bool = False) -> Iterator[Page]:
    """The page as a file, without a network. Fails if the browser reports an error."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
        has_touch=touch,
        offline=True,
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri())
    yield page
    context.close()
    assert errors == []


def luminance(page: Page, of: str) -> float:
    """The mean of red, green and blue, 0 to 255, of the body's `color` or `backgroundColor`."""
    colour = page.evaluate(f"getComputedStyle(document.body).{of}")
    return sum(float(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")) / 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["report", "study", "compare"])
def test_a_page_can_be_read(browser: Browser, pages: dict[str, Path], name: str, width: int, scheme: str) -> None:
    with opened(browser, pages[name], width, scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        dark, bright = sorted([luminance(page, "color"), luminance(page, "backgroundColor")])
        assert bright - dark > 150
        assert (luminance(page, "backgroundColor") < 128) == (scheme == "dark")
        images = page.locator("img")
        assert images.count() > 3
        for fault in ("!image.alt.trim()", "!image.complete || !image.naturalWidth"):
            assert images.evaluate_all(f"all => all.filter(image => {fault}).length") == 0
        small = (
            "all => all.filter(image => image.naturalWidth < 100).map(image => getComputedStyle(image).imageRendering)"
        )
        assert set(images.evaluate_all(small)) == {"pixelated"}
        SHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png", full_page=True)


def test_a_tap_on_a_generated_image_shows_its_neighbours(browser: Browser, pages: dict[str, Path]) -> None:
    with opened(browser, pages["report"], 390, touch=True) as page:
        cells = page.locator(".cell")
        assert cells.count() == NUM_COLUMNS * NUM_ROWS
        for number in (0, NUM_COLUMNS * NUM_ROWS - 1):
            cells.nth(number).tap()
            expect(page.locator(".near:visible")).to_have_count(1)
            near = cells.nth(number).locator(".near img")
            expect(near).to_have_count(3)
            for image in near.all():
                expect(image).to_be_visible()
        page.screenshot(path=SHOTS / "report-tapped.png")


def test_the_pointer_and_the_keyboard_show_neighbours_too(browser: Browser, pages: dict[str, Path]) -> None:
    with opened(browser, pages["report"], 1280) as page:
        cells = page.locator(".cell")
        cells.nth(3).hover()
        expect(cells.nth(3).locator(".near")).to_be_visible()
        page.mouse.move(0, 0)
        expect(page.locator(".near:visible")).to_have_count(0)
        cells.first.locator("input").focus()
        page.keyboard.press("ArrowRight")
        expect(cells.nth(1).locator(".near")).to_be_visible()
        cells.nth(4).hover()  # the pointer wins over the choice
        expect(page.locator(".near:visible")).to_have_count(1)
        expect(cells.nth(4).locator(".near")).to_be_visible()
