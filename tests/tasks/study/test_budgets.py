"""Quality per byte: which images a budget affords, what the comparison says, and the one plot."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.metrics.evaluation import Scores
from models.metrics.protocol import Protocol
from shards import Dataset, ShardConfig, build
from tasks.errors import RequestError
from tasks.study.budgets.arms import Arm, budgets_name, can_be_robust, check_budgets, choose
from tasks.study.budgets.chart import draw_budgets
from tasks.study.budgets.config import name_budget, parse_budget
from tasks.study.budgets.publishing import tabulate
from tasks.study.budgets.results import ArmResult, BudgetResults, advise
from tasks.study.budgets.scoring import ArmScores
from tasks.study.config import StudyConfig
from tasks.study.variants import Variant

PROTOCOL = Protocol(
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
    generator_state="ema",
)


def arm(codec: str, budget: int, values: list[float], robust: bool = False, first: float = 0.0) -> ArmResult:
    """An arm with one seed for each of `values` under the second judge; `first` is added under the first judge."""

    def judge(name: str, value: float) -> Scores:
        return Scores(values={name: value}, intervals={name: (value - 4, value + 4)}, protocol=PROTOCOL)

    images = Arm(
        codec=codec, budget=budget, dataset="d", version="1", num_images=budget // 500, num_bytes=budget, is_all=False
    )
    scores = [
        ArmScores(
            codec=codec,
            budget=budget,
            robust=robust,
            seed=seed,
            model="models:/m/1",
            judges=[judge("FD-One", value + first), judge("FD-Two", value)],
        )
        for seed, value in enumerate(values)
    ]
    return ArmResult(images, robust, scores)


@pytest.mark.parametrize(
    ("text", "num_bytes"), [("50MB", 50_000_000), ("1.5 GiB", 3 * 2**29), ("500kb", 500_000), ("7B", 7)]
)
def test_budgets_are_read_as_people_write_them(text: str, num_bytes: int) -> None:
    assert parse_budget(text) == num_bytes
    assert StudyConfig.model_validate({"bytes": text}).budgets == (num_bytes,)


def test_budgets_in_a_list_are_sorted_and_nonsense_is_refused() -> None:
    assert StudyConfig.model_validate({"bytes": ["10MB", "1MB"]}).budgets == (1_000_000, 10_000_000)
    assert StudyConfig.model_validate({"bytes": "10MB,1MB"}).budgets == (1_000_000, 10_000_000)
    assert StudyConfig().budgets == ()
    for text in ("50", "many MB", "0MB", "-1MB", "5 parsecs"):
        with pytest.raises(ValueError, match="write it like"):
            StudyConfig.model_validate({"bytes": [text]})
    with pytest.raises(ValueError, match="num_seeds is 0"):
        StudyConfig.model_validate({"bytes": "1MB", "num_seeds": 0})
    assert [name_budget(number) for number in (50_000_000, 1_500, 999)] == ["50 MB", "1.5 KB", "999 bytes"]
    assert len(budgets_name("x" * 64)) <= 64
    assert can_be_robust("jpeg:15")
    assert not can_be_robust("jpeg:95")
    assert not can_be_robust("webp:15")


def test_a_budget_affords_the_same_images_first_in_every_codec(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    rng = np.random.default_rng(0)
    for number in range(60):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "src" / f"{number}.png")
    found = []
    for codec in ("png", "jpeg:15"):
        config = ShardConfig(
            source=str(tmp_path / "src"), dataset="d", resolution=32, encoding=codec, val_fraction=0.2, workers=1
        )
        found.append(Dataset.open(build(config, tmp_path / "home").manifest))
    png, jpeg = found
    few, more = choose(png, 50_000, seed=0), choose(png, 100_000, seed=0)
    assert few.keys < more.keys
    assert few.num_bytes <= 50_000 < few.num_bytes + 4_000
    assert not few.is_all
    cheap = choose(jpeg, 50_000, seed=0)
    assert cheap.is_all
    assert few.keys < cheap.keys
    assert len(cheap.keys) == jpeg.num_samples("train")
    assert choose(png, 50_000, seed=1).keys != few.keys
    variant = Variant(
        codec="png",
        manifest=png.uri,
        dataset="d",
        version="1",
        num_images=60,
        bytes_per_image=3_000,
        shard_images_per_second=None,
        load_images_per_second=1,
        keys_sha256="",
        pixels_sha256="",
    )
    with pytest.raises(RequestError, match="images of png, but a training needs 32: raise the budget"):
        check_budgets([variant], [50_000, 10**9], seed=0)


def test_the_advice_names_the_best_codec_and_what_cannot_be_told_apart() -> None:
    clear = BudgetResults(
        "d",
        [
            arm("png", 50_000, [80, 82, 84]),
            arm("jpeg:15", 50_000, [60, 61, 62], robust=True),
            arm("jpeg:15", 50_000, [95, 96, 97]),
        ],
    )
    assert advise(clear) == (
        "With 50 KB, JPEG 15, known (100 images) comes closest to the clean images: FD-Two 61.0 [56.0 to 66.0], where "
        "PNG (100 images) comes to 82.0 [76.0 to 88.0]. Its interval is apart from all others."
    )
    close = advise(BudgetResults("d", [arm("png", 50_000, [63], first=-9), arm("webp:75", 50_000, [60])]))
    assert "Not told apart from it: PNG." in close
    assert "FD-One puts PNG first, so the judges disagree." in close
    assert "1 training of each: another seed can turn close ones around." in close


def test_the_advice_says_how_many_bytes_png_needs_for_the_same() -> None:
    results = BudgetResults(
        "d",
        [
            arm("png", 10_000, [120]),
            arm("png", 100_000, [80]),
            arm("webp:75", 10_000, [75]),
            arm("webp:75", 100_000, [50]),
        ],
    )
    assert "WebP 75 with 10 KB is as close as PNG with 100 KB: 10.0 times fewer bytes." in advise(results)
    assert advise(BudgetResults("d", [arm("png", 10_000, [50])])).startswith(
        "With 10 KB, PNG (20 images) comes closest"
    )


def test_the_plot_has_a_row_for_each_arm_and_the_colours_of_the_page() -> None:
    results = BudgetResults(
        "d", [arm("png", 10_000, [120]), arm("jpeg:15", 10_000, [80]), arm("jpeg:15", 10_000, [70], robust=True)]
    )
    svg = draw_budgets(results)
    for text in ("PNG · 20 images", "JPEG 15, known · 20 images", "10 KB", "further left is better"):
        assert text in svg
    assert "var(--one)" in svg
    assert "var(--two)" in svg
    assert svg.index("JPEG 15, known") < svg.index("JPEG 15 ·") < svg.index("PNG ·")
    table = tabulate(results)
    assert list(table.heads) == ["Budget", "Codec", "Images", "Bytes", "FD-One", "FD-Two", "Seeds"]
    assert [row[1] for row in table.rows] == ["JPEG 15, known", "JPEG 15", "PNG"]
