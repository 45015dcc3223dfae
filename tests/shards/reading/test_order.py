"""Positions and orders against values worked out by hand, and against slow and plain versions of the same rules."""

from itertools import islice

import numpy as np
import pytest

from shards.reading.order import ShuffledOrder, WindowOrder, rank_positions


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]),
        ({"start_nimg": 10}, [[10, 11, 12, 13], [14, 15, 16, 17], [18, 19, 20, 21]]),
        ({"rank": 1, "world_size": 2}, [[2, 3], [6, 7], [10, 11]]),
        ({"first": 1, "step": 3}, [[4, 5, 6, 7], [16, 17, 18, 19], [28, 29, 30, 31]]),
        ({"start_nimg": 1, "rank": 3, "world_size": 4, "first": 2, "step": 2}, [[12], [20], [28]]),
    ],
)
def test_positions_of_a_rank(settings: dict[str, int], expected: list[list[int]]) -> None:
    found = list(islice(rank_positions(4, **settings), 3))
    assert [positions.tolist() for positions in found] == expected
    assert all(positions.dtype == np.int64 for positions in found)


def test_smallest_batch() -> None:
    assert next(rank_positions(1)).tolist() == [0]


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 0},
        {"batch_size": 5, "world_size": 2},
        {"batch_size": 4, "rank": -1},
        {"batch_size": 4, "rank": 2, "world_size": 2},
        {"batch_size": 4, "start_nimg": -1},
    ],
)
def test_batches_that_cannot_be_shared_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="multiple of the number of ranks"):
        next(rank_positions(**settings))


def permutation(count: int, *entropy: int) -> list[int]:
    return np.random.default_rng(entropy).permutation(count).tolist()


def test_shuffled_order_is_one_permutation_an_epoch() -> None:
    """The rule, image by image: position n is place n mod count of the permutation of epoch n div count."""
    order = ShuffledOrder(7, 3)
    expected = [permutation(7, 3, n // 7)[n % 7] for n in range(30)]
    assert order.samples(np.arange(30)).tolist() == expected
    assert order.samples(np.array([20, 3, 8])).tolist() == [expected[20], expected[3], expected[8]]


def test_window_order_is_what_it_says() -> None:
    """The rule, image by image: shards in the order of (seed, epoch, 1), windows shuffled by (seed, epoch, 2, window).

    These numbers are part of what a resumed training relies on: another rule would give it other batches.
    """
    counts, seed, window, total = (3, 1, 5, 2), 4, 4, 11
    expected = []
    for epoch in range(3):
        laid = [(shard, row) for shard in permutation(4, seed, epoch, 1) for row in range(counts[shard])]
        for number, start in enumerate(range(0, total, window)):
            here = laid[start : start + window]
            expected += [here[place] for place in permutation(len(here), seed, epoch, 2, number)]
    shards, rows = WindowOrder(counts, seed, window).rows(np.arange(3 * total))
    assert list(zip(shards.tolist(), rows.tolist(), strict=True)) == expected
    backwards = np.arange(3 * total)[::-1]
    shards, rows = WindowOrder(counts, seed, window).rows(backwards)
    assert list(zip(shards.tolist(), rows.tolist(), strict=True)) == expected[::-1]
