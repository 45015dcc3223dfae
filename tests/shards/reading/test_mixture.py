"""Shares are exact, every part runs through its own epochs, and any position is reached without replay."""

import numpy as np
import pytest

from shards.reading.mixture import BLOCK, BalancedOrder, Mixture


def test_each_block_has_exactly_the_shares() -> None:
    mixture = Mixture.by_shares((0.7, 0.2, 0.1), seed=3)
    parts, local = mixture.places(np.arange(3 * BLOCK))
    for block in range(3):
        assert np.bincount(parts[block * BLOCK :][:BLOCK]).tolist() == [7000, 2000, 1000]
    for part, count in enumerate((21_000, 6_000, 3_000)):
        assert local[parts == part].tolist() == list(range(count))


@pytest.mark.parametrize("shares", [(1 / 3, 1 / 3, 1 / 3), (1, 1e-3), (5, 2, 2, 2)])
def test_rounded_shares_differ_by_less_than_one_in_a_block(shares: tuple[float, ...]) -> None:
    counts = np.asarray(Mixture.by_shares(shares, 0).counts)
    assert counts.sum() == BLOCK
    assert (abs(counts - np.asarray(shares) / sum(shares) * BLOCK) < 1).all()


def test_share_of_nearly_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="must be at least 1 in 10000"):
        Mixture.by_shares((1, 1e-9), 0)


def test_any_position_is_reached_without_replay() -> None:
    mixture = Mixture.by_shares((2, 1), seed=7)
    whole = np.stack(mixture.places(np.arange(2 * BLOCK + 100)))
    for start in (0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 50):
        assert np.array_equal(np.stack(mixture.places(np.arange(start, start + 50))), whole[:, start : start + 50])


def test_classes_are_equally_frequent_and_each_runs_through_its_images() -> None:
    labels = np.repeat([0, 2, 5], [40, 10, 1])
    chosen = BalancedOrder.of(labels, seed=1).samples(np.arange(120))
    assert [int((labels[chosen] == label).sum()) for label in (0, 2, 5)] == [40, 40, 40]
    counts = np.bincount(chosen, minlength=51)
    assert set(counts[:40]) == {1}
    assert set(counts[40:50]) == {4}
