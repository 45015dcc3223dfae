import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from models.metrics.config import EvalConfig
from shards import Dataset
from tasks.trainer.pictures import decode, request_rows, share_out


@pytest.mark.parametrize(
    ("total", "weights", "expected"),
    [(10, [1, 1], [5, 5]), (10, [1, 2], [3, 7]), (3, [1, 1, 1, 1], [1, 1, 1, 0]), (7, [0, 5], [0, 7])],
)
def test_share_out(total: int, weights: list[int], expected: list[int]) -> None:
    assert share_out(total, weights) == expected


def test_classes_are_asked_for_in_the_shares_of_the_val_split(dataset: str) -> None:
    data = Dataset.open(dataset)
    histogram = list(data.manifest.histogram("val").values())
    rows = request_rows(data, EvalConfig(num_images=1200, seed=5))
    assert sum(row["num_images"] for row in rows) == 1200
    by_label = [sum(row["num_images"] for row in rows if row["label"] == label) for label in (0, 1)]
    assert by_label == share_out(1200, histogram)
    assert len({row["seed"] for row in rows}) == len(rows)


def test_a_class_without_val_images_leaves_the_others_their_numbers(dataset: str) -> None:
    data = Dataset.open(dataset)
    grown = replace(data, manifest=data.manifest.model_copy(update={"labels": ["absent", "bright", "dark"]}))
    assert grown.class_counts("val") == [0, *data.class_counts("val")]
    rows = request_rows(grown, EvalConfig(num_images=40))
    assert {row["label"] for row in rows} == {1, 2}


def test_decode_gives_back_the_pixels() -> None:
    rng = np.random.default_rng(0)
    for shape in ((3, 5, 4), (3, 5, 4, 3)):
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        encoded = []
        for picture in pixels:
            buffer = io.BytesIO()
            Image.fromarray(picture).save(buffer, "PNG")
            encoded.append(buffer.getvalue())
        expected = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
        assert (decode(pd.Series(encoded)) == expected).all()
