"""A study read as one sentence, and as a page that needs nothing beside itself."""

import re
from itertools import combinations

import numpy as np
import pytest

import shards
from models.metrics.evaluation import Scores
from models.metrics.protocol import Protocol
from tasks.errors import RequestError
from tasks.study.config import CODECS, StudyConfig
from tasks.study.preprocessing.choice import Choice
from tasks.study.record import slug
from tasks.study.report.advice import advise
from tasks.study.report.page import render_study
from tasks.study.report.rate_charts import draw_rates, place_names, plot_codecs
from tasks.study.report.tables import to_markdown
from tasks.study.results import CodecResult, StudyResults, codec_name
from tasks.study.scoring import CodecScores, GeneratorScores, pick_grid
from tasks.study.variants import Cleanliness, Variant, check_comparable, training_codec

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 3, 16, 16), dtype=np.uint8)
SOURCE = Cleanliness(num_images=40, num_lossy=0, formats={}, jpeg_quality_median=None, shrink_median=1.0)
CAVEAT = "another seed can turn close ones around, see study.num_seeds."
# codec: bytes an image, distance of the images alone, of the generator
MEASURED = {
    "original": (900, 10.0, 60.0),
    "png": (900, 10.0, 60.0),
    "jpeg:95": (700, 10.5, 59.0),
    "jpeg:75": (300, 14.0, 62.0),
    "jpeg:30": (200, 40.0, 90.0),
    "jpeg:15": (150, 70.0, 120.0),
    "gif": (600, 20.0, 85.0),
}


def scores(value: float, state: str, spread: float = 4.0) -> Scores:
    protocol = Protocol(
        feature_net="net",
        weights_sha256="0" * 64,
        input_size=112,
        resize_filter="bicubic",
        num_generated=100,
        num_reference=40,
        dataset="tiny-study",
        dataset_version="1",
        split="val",
        seed=0,
        generator_state=state,
    )
    return Scores(values={"FD-Net": value}, intervals={"FD-Net": (value - spread, value + spread)}, protocol=protocol)


def result(codec: str, num_bytes: float, alone: float, trained: float | None, num_seeds: int = 1) -> CodecResult:
    twin = "original" if codec == "png" else codec
    variant = Variant(
        codec=codec,
        manifest="m",
        dataset="tiny-study",
        version="1",
        num_images=40,
        bytes_per_image=num_bytes,
        shard_images_per_second=None if codec == "png" else 100.0,
        load_images_per_second=1000.0,
        keys_sha256="k",
        pixels_sha256=twin,
    )
    generators = [
        GeneratorScores(
            codec=codec,
            seed=seed,
            model=f"models:/m/{seed}",
            generated=scores(trained + seed, "ema"),
            saved=scores(trained + seed + 3, "ema"),
        )
        for seed in range(num_seeds if trained is not None else 0)
    ]
    real = CodecScores(codec=codec, re_encoded=scores(alone - 10, "val"), imitation=scores(alone, "train"))
    return CodecResult(variant=variant, scores=real, trained_as=twin, generators=generators)


def study(measured: dict[str, tuple[float, float, float | None]] | None = None, num_seeds: int = 1) -> StudyResults:
    codecs = [result(codec, *values, num_seeds) for codec, values in (measured or MEASURED).items()]
    labels = np.arange(40) % 4
    pictures = {
        f"{kind}-{slug(codec.variant.codec)}{end}": pick_grid(
            shards.recompress(IMAGES, codec.variant.codec).images, labels, num_classes=4
        )
        for codec in codecs
        for kind, end in (("real", ""), ("generated", "-seed-0"))
    }
    choices = [
        Choice(group="Resizing filter", name="box", setting="shard.resample", scores=scores(2.5, "val"), changed=1.2),
        Choice(group="Decode scale of JPEG", name="smaller", setting="none", note="sources are small"),
    ]
    return StudyResults("tiny", codecs, choices, SOURCE, pictures)


def test_advice_names_the_smallest_codec_that_costs_nothing_and_the_floor() -> None:
    advice = advise(study(num_seeds=2))
    assert advice == (
        "JPEG 75 takes 33% of the bytes, and the generator scores FD-Net 62 instead of 60, no difference that this "
        "budget could show. Clearly worse: GIF (+25), JPEG 30 (+30), JPEG 15 (+60); do not go below JPEG 75."
    )


def test_advice_from_one_seed_says_so() -> None:
    assert advise(study()).endswith("do not go below JPEG 75. One training of each codec: " + CAVEAT)


def test_no_floor_is_named_where_a_lower_quality_scores_better() -> None:
    turned = {**MEASURED, "jpeg:50": (250, 20.0, 95.0), "jpeg:30": (200, 40.0, 61.0)}
    advice = advise(study(turned, num_seeds=2))
    assert "Clearly worse: GIF (+25), JPEG 50 (+35), JPEG 15 (+60)." in advice


def test_advice_where_every_codec_costs_none_saves_or_nothing_was_trained() -> None:
    costly = {"original": (900.0, 10.0, 60.0), "jpeg:50": (300.0, 50.0, 95.0), "webp:75": (250.0, 30.0, 80.0)}
    assert advise(study(costly, num_seeds=2)) == (
        "No codec saves bytes for nothing: WebP 75 takes 28% of the bytes, and the generator scores FD-Net 80 instead "
        "of 60, the least difference. Clearly worse: JPEG 50 (+35), WebP 75 (+20)."
    )
    headers = {"original": (480.0, 20.0, 60.0), "jpeg:75": (576.0, 50.0, 80.0), "webp:75": (254.0, 30.0, 62.0)}
    assert advise(study(headers, num_seeds=2)).endswith(" JPEG 75 even takes more bytes.")
    unsure = {"original": (900.0, 10.0, 60.0), "jpeg:50": (300.0, 50.0, 66.0)}
    assert advise(study(unsure, num_seeds=2)).endswith("none here is beyond doubt: train longer, or with more seeds.")
    larger = {"original": (900.0, 10.0, 60.0), "png": (1000.0, 10.0, 60.0)}
    assert "so another codec gains nothing" in advise(study(larger))
    untrained = {"original": (900.0, 10.0, None), "jpeg:75": (300.0, 12.0, None), "jpeg:15": (100.0, 90.0, None)}
    assert advise(study(untrained)) == (
        "JPEG 75 takes 33% of the bytes, and a perfect imitation of the images scores FD-Net 12 instead of 10, no "
        "difference that this budget could show. Clearly worse: JPEG 15 (+80); do not go below JPEG 75."
    )


def test_a_distance_over_seeds_spans_all_their_intervals() -> None:
    results = study(num_seeds=3)
    distance = results.trained(results.clean)
    assert distance is not None
    assert (distance.value, distance.low, distance.high) == pytest.approx((61, 56, 66))


def test_codecs_of_equal_pixels_share_the_training_of_the_first() -> None:
    variants = [codec.variant for codec in study().codecs]
    assert training_codec(variants, "png") == "original"
    assert training_codec(variants, "gif") == "gif"


def test_versions_with_other_images_or_splits_are_not_compared() -> None:
    variants = [codec.variant for codec in study().codecs]
    check_comparable(variants)
    other = variants[2].model_copy(update={"keys_sha256": "other"})
    with pytest.raises(RequestError, match=r"jpeg:95 \(1\) contains other images than original \(1\).*source changed"):
        check_comparable([*variants, other])


def test_the_page_shows_every_codec_and_asks_for_nothing_from_outside() -> None:
    page = render_study(study(num_seeds=2), {"study": {"num_seeds": 2}}, {"Commit": "abc"}, "2026-11-24")
    for name in ("Original", "PNG", "JPEG 95", "JPEG 15", "GIF"):
        assert f"<h3>{name} <small>" in page
    assert page.count("data:image/png;base64,") == 2 * len(MEASURED)
    assert "the same pixels as Original, so the same training" in page
    assert "sources are small" in page
    assert "study.num_seeds" in page
    outside = re.findall(r"""(?:src|href)=["'](?!data:)([^"']+)""", page)
    assert not [link for link in outside if not link.startswith("#")]
    assert "<script" not in page


def test_the_tables_stand_in_markdown_too() -> None:
    text = to_markdown(study(), "Advice.")
    assert "| JPEG 75 | 300 | 33% | 14.0 (10.0 to 18.0) | 4.00 | 62.0 (58.0 to 66.0) | 65.0 (61.0 to 69.0) |" in text
    assert "| box | shard.resample | – | 2.50 | 1.20 | – |" in text


def test_names_in_a_chart_lie_inside_it_and_apart() -> None:
    results = study()
    for measure in (results.alone, results.trained):
        points = [(codec, distance) for codec in results.codecs if (distance := measure(codec)) is not None]
        axes = plot_codecs(results.frechet, points)
        names = place_names(axes, points)
        assert [name.get_text() for name in names] == [codec.name for codec in results.codecs]
        boxes = [name.get_window_extent() for name in names]
        assert all(axes.bbox.contains(*corner) for box in boxes for corner in (box.min, box.max))
        assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_charts_are_drawn_for_the_codec_and_for_generators() -> None:
    charts = list(draw_rates(study()))
    assert [chart.title for chart in charts] == ["Codec alone", "Trained on it", "Trained on it, saved with it"]
    for chart in charts:
        assert all(f">{codec_name(codec)}<" in chart.svg for codec in MEASURED)
        assert "stroke: var(--one)" in chart.svg
        assert "url(" not in chart.svg


def test_a_source_that_was_compressed_before_is_warned_of() -> None:
    assert SOURCE.warning() == ""
    lossy = Cleanliness(
        num_images=100, num_lossy=60, formats={"JPEG": 50, "GIF": 10}, jpeg_quality_median=75, shrink_median=2.0
    )
    assert "60 of 100 images come from lossy files (10 GIF, 50 JPEG; JPEG of median quality 75, scaled down 2.0" in (
        lossy.warning()
    )
    fine = lossy.model_copy(update={"formats": {"JPEG": 60}, "jpeg_quality_median": 98})
    assert fine.is_clean


def test_codecs_are_checked_and_the_clean_one_is_always_there() -> None:
    assert StudyConfig(codecs=("JPEG:75", "png", "png")).codecs == ("original", "jpeg:75", "png")
    assert StudyConfig().codecs == CODECS
    with pytest.raises(ValueError, match=r"encoding 'jpg:75' is unknown\. Use original, jpeg:Q"):
        StudyConfig(codecs=("jpg:75",))


def test_codec_names() -> None:
    names = [codec_name(codec) for codec in ("jpeg:75:444", "webp:lossless", "avif:50")]
    assert names == ["JPEG 75 4:4:4", "WebP lossless", "AVIF 50"]
