from dataclasses import replace

import numpy as np
import pytest

from models.features.cache import reference_features
from models.features.nets import load_feature_net
from models.metrics.config import EvalConfig
from shards import Dataset
from tasks.home import home
from tasks.trainer.pictures import (
    EarlyImages,
    count_reference,
    real_images,
    real_labels,
    reference_key,
    request_rows,
    share_out,
)


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


def test_a_large_val_split_is_read_in_part_only(dataset: str) -> None:
    data, config = Dataset.open(dataset), EvalConfig()
    total = data.num_samples("val")
    assert total > 3
    (images,) = real_images(data, 3)
    assert np.array_equal(images, data.open_split("val").images[:3])
    assert count_reference(data, config) == len(real_labels(data, config)) == total

    split = data.manifest.num_samples_by_split | {"val": 10**6}
    large = replace(data, manifest=data.manifest.model_copy(update={"num_samples_by_split": split}))
    assert count_reference(large, config) == config.num_val
    assert reference_key(large, config) != reference_key(data, config)


def test_the_images_of_an_evaluation_are_read_early_unless_their_features_are_known(dataset: str) -> None:
    data, config = Dataset.open(dataset), EvalConfig(input_size=32, second_net="none")
    EarlyImages.start(dataset, config)
    (images,) = real_images(data)
    assert np.array_equal(images, data.open_split("val").images)
    assert EarlyImages.take(data) is None

    net = load_feature_net(config.feature_net, 64)
    for size in (64, 32):  # the second one is that of `config`
        net.input_size = size
        reference_features(images, net, home().features, reference_key(data, config))
        EarlyImages.start(dataset, config)
        assert (EarlyImages.take(data) is None) == (size == 32)
