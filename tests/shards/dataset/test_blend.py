"""A blend of dataset versions: counted shares, the same batches in any place, and what cannot be blended."""

import re
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shards import Blend, Dataset, DatasetError, ShardConfig, build


def made(folder: Path, name: str, classes: dict[str, int], value: int, **changes: object) -> Dataset:
    """A dataset whose images have one grey value each: `value` plus the number of the class, plus noise of 0 to 3."""
    for number, (label, count) in enumerate(classes.items()):
        (folder / name / label).mkdir(parents=True)
        for index in range(count):
            pixels = np.full((8, 8, 3), value + 10 * number, np.uint8)
            pixels[index // 8, index % 8, 0] += 1  # no two are the same
            Image.fromarray(pixels).save(folder / name / label / f"{index}.png")
    settings = {"resolution": 8, "encoding": "png", "val_fraction": 0, "samples_per_shard": 7, "workers": 1}
    config = ShardConfig(source=str(folder / name), dataset=name, **(settings | changes))
    return Dataset.open(build(config, folder / "root").manifest)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Dataset]:
    """`one` has the classes a, b, c; `two` has c and a, so its numbers differ."""
    folder = tmp_path_factory.mktemp("blend")
    return made(folder, "one", {"a": 12, "b": 6, "c": 2}, 0), made(folder, "two", {"a": 5, "c": 5}, 100)


def seen(batches: list[tuple[np.ndarray, np.ndarray]]) -> Counter[tuple[int, int]]:
    """How often each pair of dataset and class comes, by the pixels and the label."""
    found: Counter[tuple[int, int]] = Counter()
    for images, labels in batches:
        values = images[:, 1, -1, -1]
        found.update((int(value >= 100), int(label)) for value, label in zip(values, labels, strict=True))
    return found


@pytest.mark.parametrize("streaming", [False, True])
def test_images_come_by_their_shares_with_the_classes_of_the_first(
    pair: tuple[Dataset, Dataset], streaming: bool
) -> None:
    blend = Blend.of(pair, (3, 1))
    split = blend.windows("train", 5) if streaming else blend.open_split("train")
    batches = list(islice(split.batches(100, seed=4), 100))
    counts = seen(batches)
    assert sum(count for (part, _), count in counts.items() if part == 0) == 7500
    assert counts[1, 0] == counts[1, 2] == 1250  # 250 epochs of `two`, whose second class is the third one here
    assert counts[0, 1] == 2250
    again = next(split.batches(100, seed=4, start_nimg=9_900))
    assert all(np.array_equal(one, other) for one, other in zip(again, batches[99], strict=True))
    halves = [next(split.batches(100, seed=4, start_nimg=300, rank=rank, world_size=2)) for rank in range(2)]
    assert np.array_equal(np.concatenate([half[0] for half in halves]), batches[3][0])
    third = next(split.batches(100, seed=4, first=3, step=4)) if streaming else batches[3]  # type: ignore[call-arg]
    assert np.array_equal(third[0], batches[3][0])


def test_each_image_comes_once_before_it_comes_again(pair: tuple[Dataset, Dataset]) -> None:
    split = Blend.of(pair, (1, 1)).open_split("train")
    numbers = np.concatenate(list(islice(split.orders(20, seed=2), 20)))
    for start, size in ((0, 20), (20, 10)):
        own = numbers[(numbers >= start) & (numbers < start + size)]
        for epoch in range(len(own) // size):
            assert sorted(own[epoch * size :][:size] - start) == list(range(size))


def test_what_does_not_fit_together_is_refused(pair: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    one, two = pair
    with pytest.raises(DatasetError, match=r"the second has the class 'b', but the classes of the first are a, c"):
        Blend.of((two, one), (1, 1))
    large = made(tmp_path, "large", {"a": 2}, 0, resolution=16)
    with pytest.raises(DatasetError, match="images have 8 pixels and 3 channels, and 16 pixels and 3 channels"):
        Blend.of((one, large), (1, 1))
    with pytest.raises(DatasetError, match=re.escape("each must be at least 1 in 10000")):
        Blend.of((one, two), (1, 1e-8))
