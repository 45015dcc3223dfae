"""Neighbours against a slow float64 reference that loops over pairs, whatever the tiles."""

import subprocess
import sys

import numpy as np
import pytest

from models.metrics import neighbours
from models.metrics.neighbours import compare_manifolds, nearest, nearest_few


def features(n: int, seed: int, shift: float = 0.0, scale: float = 1.0, num_features: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, num_features)) * scale + shift).astype(np.float32)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(((a.astype(np.float64) - b.astype(np.float64)) ** 2).sum()))


def reach(x: np.ndarray, i: int, k: int) -> float:
    return sorted(distance(x[i], x[j]) for j in range(len(x)) if j != i)[k - 1]


@pytest.mark.parametrize("tile", [7, 4096])
@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.5, 0.6), (300.0, 1.0)])
def test_manifolds_agree_with_loops_over_pairs(
    monkeypatch: pytest.MonkeyPatch, tile: int, shift: float, scale: float
) -> None:
    monkeypatch.setattr(neighbours, "TILE", tile)
    fake, real = features(50, 1, shift, scale), features(40, 2, shift=300.0 if shift > 100 else 0.0)
    near_real = [reach(real, j, 3) for j in range(40)]
    wide_real = [reach(real, j, 5) for j in range(40)]
    near_fake = [reach(fake, i, 3) for i in range(50)]
    table = np.array([[distance(a, b) for b in real] for a in fake])
    found = compare_manifolds(fake, real)
    np.testing.assert_array_equal(found.precise, (table <= near_real).any(1))
    np.testing.assert_array_equal(found.recalled, (table <= np.array(near_fake)[:, None]).any(0))
    np.testing.assert_allclose(found.density, (table <= wide_real).sum(1) / 5)
    np.testing.assert_array_equal(found.covered, (table <= wide_real).any(0))


@pytest.mark.parametrize("tile", [7, 4096])
def test_nearest_agrees_with_loops_over_pairs(monkeypatch: pytest.MonkeyPatch, tile: int) -> None:
    monkeypatch.setattr(neighbours, "TILE", tile)
    queries, candidates = features(30, 1), features(45, 2)
    table = np.array([[distance(a, b) for b in candidates] for a in queries])
    distances, places = nearest(queries, candidates)
    np.testing.assert_array_equal(places, table.argmin(1))
    np.testing.assert_allclose(distances, table.min(1), rtol=1e-5)


def test_a_collapsed_generator_is_precise_but_recalls_nothing() -> None:
    real = features(200, 1)
    found = compare_manifolds(np.repeat(real[:1], 200, axis=0), real)
    assert found.precise.all()
    assert np.flatnonzero(found.recalled).tolist() == [0]  # a ball without extent holds its own centre, and no more
    assert found.covered.mean() < 0.2


@pytest.mark.parametrize("num_features", [12, 1280])
def test_copies_are_at_distance_zero_and_others_are_not(num_features: int) -> None:
    real = features(300, 1, shift=2.0, num_features=num_features)
    distances, places = nearest(real[::-1].copy(), real)
    np.testing.assert_array_equal(distances, 0.0)
    np.testing.assert_array_equal(places, np.arange(300)[::-1])
    moved = real + np.float32(0.01) * features(300, 2, num_features=num_features)
    np.testing.assert_allclose(nearest(moved, real)[0], np.sqrt(((moved - real) ** 2).sum(1)), rtol=0.05)


def test_images_that_are_far_off_are_in_no_ball() -> None:
    found = compare_manifolds(features(50, 1, shift=100.0), features(50, 2))
    assert not found.precise.any()
    assert not found.covered.any()
    assert found.density.sum() == 0


def column(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)[:, None]


def test_balls_of_five_images_on_a_line_by_hand() -> None:
    """16's third neighbour is 12 away, and its fourth, 16 away, is the last. A ball's edge belongs to it."""
    real, fake = column(0, 4, 8, 12, 16), column(28, 32, 33)
    found = compare_manifolds(fake, real)
    assert found.precise.tolist() == [True, False, False]
    assert found.density.tolist() == [1 / 5, 1 / 5, 0]
    assert found.covered.tolist() == [False, False, False, False, True]
    assert not found.recalled.any()  # the balls of generated images reach 4 and 5 at most
    # The ball of 20 reaches to 33, over all real images from 7 on.
    assert compare_manifolds(column(20, 28, 33), real).recalled.tolist() == [False, False, True, True, True]


@pytest.mark.parametrize("tile", [7, 4096])
def test_the_first_of_equally_near_candidates_is_taken(monkeypatch: pytest.MonkeyPatch, tile: int) -> None:
    monkeypatch.setattr(neighbours, "TILE", tile)
    candidates = features(7, 1)
    assert nearest(candidates, np.concatenate([candidates, candidates]))[1].tolist() == list(range(7))


@pytest.mark.parametrize("swapped", [False, True])
def test_what_counts_as_rounding_follows_the_longest_features_of_both_sets(swapped: bool) -> None:
    """The longest feature is 1000: squares up to 2e-6 x 1000^2 = 2 may be rounding, and 3 is a distance."""
    long, short = np.array([[1000, 0], [-1000, 0], [0, 1], [0, -(3**0.5)]]), np.array([[0, 0.0]])
    if not swapped:
        assert nearest(long, short)[0].tolist() == pytest.approx([1000, 1000, 0, 3**0.5])
        return
    candidates = np.array([[1000, 0], [-1000, 0], [0, 0]])
    queries = np.array([[0, 1], [0, 3**0.5]])
    assert nearest(queries, candidates)[0].tolist() == pytest.approx([0, 3**0.5])


@pytest.mark.parametrize(("n", "m"), [(4, 2), (1, 1), (2, 6)])
def test_small_sets_raise_nothing(n: int, m: int) -> None:
    found = compare_manifolds(features(n, 1), features(m, 2))
    assert (len(found.precise), len(found.covered)) == (n, m)


MEASURED = """
import resource
import numpy as np
from models.metrics import neighbours

def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

neighbours.TILE = 512
x, y = (np.random.default_rng(seed).standard_normal((8000, 8), np.float32) for seed in (0, 1))
neighbours.compare_manifolds(x[:600], y[:600])
neighbours.nearest(x[:600], y[:600])
before = peak_mb()
neighbours.compare_manifolds(x, y)
neighbours.nearest(x, y)
print(peak_mb() - before)
"""


def test_memory_does_not_grow_with_the_product_of_the_sets() -> None:
    """The table of all distances would be 244 MB; a process of its own tells its peak."""
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 40


@pytest.mark.parametrize("tile", [3, 4096])
def test_the_few_nearest_agree_with_all_distances_sorted(monkeypatch: pytest.MonkeyPatch, tile: int) -> None:
    monkeypatch.setattr("models.metrics.neighbours.TILE", tile)
    rng = np.random.default_rng(0)
    queries, candidates = rng.normal(size=(7, 5)), rng.normal(size=(8, 5))
    candidates[6] = candidates[1]  # at the same distance, the first one comes first
    every = np.sqrt(((queries[:, None] - candidates[None]) ** 2).sum(2))
    distances, places = nearest_few(queries.astype(np.float32), candidates.astype(np.float32), 3)
    np.testing.assert_array_equal(places, every.argsort(1, kind="stable")[:, :3])
    np.testing.assert_allclose(distances, np.sort(every, 1)[:, :3], rtol=1e-4)
    assert nearest_few(queries, candidates[:2], 3)[1].shape == (7, 2)
