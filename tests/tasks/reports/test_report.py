"""The report: complete in itself, safe against what datasets are called, honest about what may be compared."""

import html
import io
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shards.images.containers.marking import Mark, mark_image, read_xmp
from tasks.reports.charts import HEIGHT, MAX_POINTS, WIDTH, draw_charts, short_count
from tasks.reports.pictures import fit_pictures, narrow
from tasks.reports.report import (
    ChampionSummary,
    ClassifierSummary,
    DatasetSummary,
    Neighbour,
    ReportData,
    render_report,
)

VOID = {"meta", "link", "img", "br", "input"}
STATS = [
    {"nimg": n * 1000, "loss_d": 1 / n, "loss_g": n, "images_per_second": 900.0 + n, "new_number": -n}
    for n in range(1, 40)
]


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), shade).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def data() -> ReportData:
    return make_data()


def make_data() -> ReportData:
    return ReportData(
        model="digits",
        version="4",
        promoted=True,
        why="better: FD-EffNetLite0 61.28 against the champion's 74.1",
        scores={"FD-EffNetLite0": 61.28, "KD-EffNetLite0": 0.0384, "KD-EffNetLite0-std": 0.002},
        protocol={"feature_net": "efficientnet-lite0", "num_generated": 1000},
        protocol_digest="a41c09d2e77b",
        generated=png(10),
        real=png(200),
        columns=["zero", "one"],
        champion=ChampionSummary("3", {"FD-EffNetLite0": 74.1, "KD-EffNetLite0": 0.0362}, "a41c09d2e77b"),
        dataset=DatasetSummary(
            "digits", "4f1c", 5012, 4997, 3, 12, {"not_an_image": 12}, {"zero": 400, "one": 100}, {"val": 500}
        ),
        stats=STATS,
        snapshots=[(n * 1000, png(n)) for n in range(50)],
        lineage={"commit": "0d9797f", "flow run": "http://127.0.0.1:4200/runs/1"},
        config={"family": "dcgan", "augment": {"translation": 0.125}},
        created="2026-09-01",
    )


class Page(HTMLParser):
    """Checks that tags are closed in order and gathers what the page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name == "src" or (tag == "link" and name == "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()


def visible(text: str) -> str:
    """The page's text with markup taken out and white space closed up."""
    body = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_page_is_well_formed_and_needs_nothing_else(data: ReportData) -> None:
    text = render_report(data)
    page = Page(text)
    assert page.sources
    assert all(source.startswith("data:") for source in page.sources)
    assert "script" not in page.tags
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert "@import" not in text


def test_the_page_says_what_there_is_to_know(data: ReportData) -> None:
    text = visible(render_report(data))
    for expected in [
        "digits version 4",
        "Promoted to champion Better: FD-EffNetLite0 61.28",
        "Champion (version 3)",
        "−12.82 better",
        "+0.002200 worse",
        "a41c09d2e77b , the same for both versions",
        "Kept 4,997 (500 val)",
        "Quarantined 12: 12 not an image",
        "augment.translation 0.125",
        "commit 0d9797f",
        "Feature net efficientnet-lite0",
    ]:
        assert expected in text, expected


def test_scores_of_which_more_is_better_say_so(data: ReportData) -> None:
    champion = ChampionSummary("3", {"coverage": 0.25}, data.protocol_digest, {"coverage": (0.2, 0.3)})
    more = replace(data, scores={"coverage": 0.5}, intervals={"coverage": (0.4, 0.6)}, champion=champion)
    assert "0.5000 0.4000 to 0.6000 0.2500 0.2000 to 0.3000 +0.2500 better" in visible(render_report(more))


def test_a_score_that_differs_by_rounding_is_neither_better_nor_worse(data: ReportData) -> None:
    champion = ChampionSummary("3", {"coverage": 0.5 + 1e-15}, data.protocol_digest)
    text = visible(render_report(replace(data, scores={"coverage": 0.5}, intervals={}, champion=champion)))
    assert "0.5000 0.5000" in text
    assert "e-1" not in text


def test_classes_and_closest_pairs_are_shown(data: ReportData) -> None:
    text = render_report(replace(data, by_class={"one": 3.0, "<two>": 7.0}, pairs=png(99)))
    Page(text)
    assert "<two> 7.000 one 3.000" in visible(text)
    assert "Closest to training images" in visible(text)


def test_classes_have_their_intervals(data: ReportData) -> None:
    text = visible(render_report(replace(data, by_class={"one": 3.0}, by_class_intervals={"one": (2.0, 4.0)})))
    assert "one 3.000 2.000 to 4.000" in text
    assert "beside it, its 95% interval" in text


def test_strips_and_the_classifiers_table_are_shown_where_there_are_any(data: ReportData) -> None:
    table = ClassifierSummary(
        ["clean", "<JPEG>"], [["450", "real", "90.1", "80.2"]], [["450", "+1", "−2"]], "how & why"
    )
    text = render_report(replace(data, truncation=png(1), interpolation=png(2), classifier=table))
    Page(text)
    for expected in (
        "Truncation the same latents",
        "Interpolation from one",
        "real 90.1 80.2",
        "450 +1 −2",
        "how & why",
    ):
        assert expected in visible(text), expected
    for absent in ("Latents", "Does it help a classifier?"):
        assert f">{absent}<" not in render_report(data)


def test_what_must_not_be_compared_is_not_compared(data: ReportData) -> None:
    champion = ChampionSummary("3", {"FD-EffNetLite0": 74.1}, "another")
    text = visible(render_report(replace(data, champion=champion, promoted=False, why="other protocols")))
    assert "must not be compared" in text
    assert "74.10" in text
    assert text.count("better") == 1  # in "Lower is better unless"
    assert "Not promoted" in text


def test_a_report_of_the_bare_minimum_stands(data: ReportData) -> None:
    bare = {"columns": (), "champion": None, "dataset": None, "stats": (), "snapshots": ()}
    text = render_report(replace(data, **bare, lineage={}, config={}, created=""))
    Page(text)
    assert "no champion to compare with" in visible(text)
    for heading in (
        "By class",
        "Closest to training images",
        "Training",
        "On the way",
        "Dataset",
        "Lineage",
        "Settings",
    ):
        assert f">{heading}<" not in text


def test_names_cannot_break_out_of_the_page(data: ReportData) -> None:
    evil = "<script>alert(1)</script>\" onload='x"
    hostile: dict[str, Any] = {
        "model": evil,
        "why": evil,
        "columns": [evil],
        "lineage": {"source": "javascript:alert(1)", "also": f"http://{evil}"},
        "dataset": DatasetSummary(evil, evil, 1, 1, 0, 0, {evil: 1}, {evil: 1}),
        "config": {evil: evil},
        "stats": [{"nimg": 1.0, evil: 1.0}, {"nimg": 2.0, evil: 2.0}],
    }
    text = render_report(replace(data, **hostile))
    assert "script" not in Page(text).tags
    assert "<script" not in text
    assert 'href="javascript' not in text


def test_at_most_a_dozen_snapshots_are_shown_first_and_last_among_them(data: ReportData) -> None:
    captions = re.findall(r"<figcaption>(\S+) images</figcaption>", render_report(data))
    assert len(captions) == 12
    assert (captions[0], captions[-1]) == ("0", "49k")


def test_every_column_becomes_a_curve_and_partners_share_a_chart() -> None:
    charts = {chart.title: chart for chart in draw_charts(STATS)}
    assert list(charts) == ["Loss", "Images per second", "New number"]
    assert [curve.name for curve in charts["Loss"].curves] == ["discriminator", "generator"]
    assert charts["New number"].curves[0].latest == "−39"


def curves(svg: str) -> list[list[tuple[float, float]]]:
    """The points of the chart's curves: the paths that are drawn in their colours."""
    paths = re.findall(r'<path d="([^"]*)" style="[^"]*stroke: var\(--(?:one|two)\)', svg)
    return [[(float(x), float(y)) for x, y in re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", path)] for path in paths]


def test_curves_stay_inside_the_plot_and_short() -> None:
    stats = [{"nimg": float(n), "loss_d": math.sin(n) * 1e-3, "loss_g": 5e4 + n} for n in range(1, 5000)]
    (chart,) = draw_charts(stats)
    drawn = curves(chart.svg)
    assert len(drawn) == 2
    for points in drawn:
        assert len(points) <= MAX_POINTS
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


def test_a_chart_is_the_same_bytes_again_and_takes_its_colours_from_the_page() -> None:
    first, again = draw_charts(STATS), draw_charts(STATS)
    assert first == again
    for chart in first:
        Page(chart.svg)
        assert " id=" not in chart.svg
        assert "#" not in chart.svg.replace("&#", "")
        assert "20" + "26" not in chart.svg
        assert f'aria-label="{html.escape(chart.title)} over images seen"' in chart.svg


@pytest.mark.parametrize("value", [0.0, 3.0, -2.5e-9, 1e12])
def test_a_constant_can_be_drawn(value: float) -> None:
    (chart,) = draw_charts([{"nimg": 10.0, "x": value}, {"nimg": 20.0, "x": value}])
    assert len(set(re.findall(r"text-anchor: end[^>]*>([^<]*)<", chart.svg))) >= 2
    ((first, last),) = curves(chart.svg)
    assert first[0] < last[0]
    assert first[1] == pytest.approx(last[1])


def test_numbers_that_are_missing_or_not_finite_are_left_out() -> None:
    stats = [{"nimg": 1.0, "x": 1.0}, {"nimg": 2.0, "x": math.nan}, {"nimg": 3.0}, {"nimg": 4.0, "x": 2.0, "y": 1.0}]
    (chart,) = draw_charts(stats)  # y has one point only
    (points,) = curves(chart.svg)
    assert len(points) == 2


def noise_png(side: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_large_pictures_make_a_page_of_at_most_a_megabyte_and_a_half(data: ReportData) -> None:
    large = noise_png(640)
    assert len(large) > 1_000_000
    page = render_report(replace(data, generated=large, real=large, snapshots=[(n, large) for n in range(3)]))
    assert len(page.encode()) <= 1_500_000
    assert page.count('src="data:image/webp;base64,') == 5


def test_even_noise_is_made_to_fit_and_what_is_empty_stays_so() -> None:
    fitted = fit_pictures([noise_png(300), b"", noise_png(300)], max_bytes=60_000)
    assert fitted[1] == b""
    assert sum(map(len, fitted)) <= 60_000
    assert all(Image.open(io.BytesIO(one)).format == "WEBP" for one in fitted if one)


def test_smaller_pictures_keep_their_mark() -> None:
    marked = mark_image(noise_png(300), Mark("models:/m"))
    (fitted,) = fit_pictures([marked], max_bytes=60_000)
    assert read_xmp(fitted) == read_xmp(narrow(marked, 100)) == read_xmp(marked)


def test_small_pictures_stay_as_they_are_and_are_enlarged_with_hard_edges(data: ReportData) -> None:
    page = render_report(data)
    assert page.count('<img class="small" src="data:image/png;base64,') == page.count("<img") > 2
    assert "image-rendering: pixelated" in page
    assert page.count("<img") == len(re.findall(r'<img[^>]* width="8" height="8" alt="[^"]+"', page))


def test_each_generated_image_shows_its_nearest_training_images(data: ReportData) -> None:
    near = Neighbour(png(7), 'training image 00"1, class <zero>', "3.5")
    text = render_report(replace(data, num_columns=2, neighbours=[[near] * 3] * 16))
    page = Page(text)
    assert page.tags.count("input") == 16
    assert "script" not in page.tags
    assert text.count('alt="training image 00&#34;1, class &lt;zero&gt;"') == 48
    assert 'aria-label="Nearest training images of the generated image in row 8, column 2, class one"' in text
    assert "<input" not in render_report(data)


def test_neighbours_of_large_images_stay_within_the_size_of_a_page(data: ReportData) -> None:
    near, large = Neighbour(noise_png(64), "training image", "1.0"), noise_png(640)
    page = render_report(
        replace(data, generated=large, real=large, pairs=large, num_columns=2, neighbours=[[near] * 3] * 80)
    )
    assert len(page.encode()) <= 1_500_000


def test_what_real_images_score_stands_beside_each_score(data: ReportData) -> None:
    protocol = {"num_generated": 1000, "num_train": 450, "feature_net": "efficientnet-lite0"}
    text = visible(render_report(replace(data, real_scores={"FD-EffNetLite0": 12.5}, protocol=protocol)))
    assert "61.28 74.10 −12.82 better 12.50 Fréchet" in text
    assert "what 450 training images score in place of generated ones. They are fewer" in text
    assert "Real images:" not in visible(render_report(data))


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (300, "300"), (50_000, "50k"), (1_250_000, "1.25M")])
def test_counts_are_shortened(value: float, text: str) -> None:
    assert short_count(value) == text
