"""The classifier: learns, repeats itself bit by bit, serves as a feature net, and measures what images are worth."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch

from models.classifier.classifier import LabelledImages, train_classifier
from models.classifier.config import AttackConfig, ClassifierConfig, GainConfig
from models.classifier.gain import estimate, measure_gain, small_part
from models.classifier.hard_examples import attack, classify, compress
from models.errors import EvaluationError, FeatureNetError
from models.features.classifier_net import ClassifierNet, save_classifier
from models.features.feature_net import compute_features
from models.features.nets import load_feature_net
from models.metrics.scores import classifier_score

CONFIG = ClassifierConfig(nimg=640, batch_size=16, width=4, learning_rate=0.01)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def stripes(num: int, seed: int, contrast: int = 60) -> LabelledImages:
    """Lying (0) and standing (1) stripes under noise, uint8 [N, 1, 16, 16]."""
    rng = np.random.default_rng(seed)
    labels = np.arange(num) % 2
    wave = 128 + contrast * np.sign(np.sin(np.arange(16) * np.pi / 2 + 0.5))
    lying = np.tile(wave[:, None], (1, 16))
    clean = np.where(labels[:, None, None] == 0, lying, lying.T)
    images = (clean + rng.normal(0, 30, clean.shape)).clip(0, 255).astype(np.uint8)
    return LabelledImages(images[:, None], labels)


def test_it_learns_what_it_is_shown_and_nothing_else() -> None:
    assert classify(train_classifier([stripes(64, 0)], 2, CONFIG), stripes(100, 1)).mean() > 0.95
    shuffled = LabelledImages(stripes(64, 0).images, np.random.default_rng(0).integers(0, 2, 64))
    assert classify(train_classifier([shuffled], 2, CONFIG), stripes(100, 1)).mean() < 0.9


def test_the_same_seed_gives_the_same_bits_and_leaves_other_random_numbers_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, second = (train_classifier([stripes(64, 0)], 2, CONFIG).state_dict() for _ in range(2))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = train_classifier([stripes(64, 0)], 2, CONFIG.model_copy(update={"seed": 1})).state_dict()
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_one_source_or_two_cost_the_same_budget() -> None:
    seen: list[tuple[int, int]] = []
    config = CONFIG.model_copy(update={"nimg": 100})
    train_classifier([stripes(8, 0), stripes(64, 1)], 2, config, progress=lambda *at: seen.append(at))
    assert seen[-1] == (100, 100)
    assert len(seen) == 7  # steps of 16


@pytest.mark.parametrize(
    ("sources", "num_classes", "message"),
    [
        ([stripes(8, 0)], 1, "at least two classes"),
        ([LabelledImages(stripes(8, 0).images, np.arange(4))], 2, "8 images with 4 labels"),
        ([LabelledImages(stripes(8, 0).images, np.arange(8))], 2, "labels run from 0 to 7"),
        ([stripes(8, 0), LabelledImages(np.zeros((8, 3, 16, 16), np.uint8), np.zeros(8))], 2, "expected one shape"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(sources: list[LabelledImages], num_classes: int, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        train_classifier(sources, num_classes, CONFIG)


@pytest.fixture(scope="module")
def trained() -> "torch.nn.Module":
    return train_classifier([stripes(64, 0)], 2, CONFIG)


@pytest.fixture(scope="module")
def path(trained: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "classifier.safetensors"
    save_classifier(trained, path)  # type: ignore[arg-type]
    return path


def test_as_a_feature_net_it_says_what_it_said_when_it_was_trained(path: Path, trained: torch.nn.Module) -> None:
    net = load_feature_net("classifier", weights=path)
    assert isinstance(net, ClassifierNet)
    images = stripes(20, 2)
    features = compute_features(images.images, net, batch_size=7)
    assert features.shape == (20, net.num_features)
    predictions = net.predict(features)
    np.testing.assert_allclose(predictions.sum(1), 1, rtol=1e-5)
    agree = (predictions.argmax(1) == images.labels) == classify(trained, images)  # type: ignore[arg-type]
    assert agree.mean() >= 0.95  # an image on the border between classes may fall on either side


def test_a_damaged_or_missing_classifier_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(path.read_bytes()[:-40])
    for wrong in (tmp_path / "cut", tmp_path / "nothing"):
        with pytest.raises(FeatureNetError, match="delete it to train it again"):
            ClassifierNet(wrong)
    with pytest.raises(FeatureNetError, match="leave it at 0"):
        ClassifierNet(path, input_size=64)


def test_the_classifier_score_runs_from_one_to_the_number_of_classes() -> None:
    sure = np.eye(4)[np.arange(40) % 4]
    assert classifier_score(sure).value == pytest.approx(4, rel=1e-3)
    assert classifier_score(np.full((40, 4), 0.25)).value == pytest.approx(1)
    assert classifier_score(np.eye(4)[np.zeros(40, int)]).value == pytest.approx(1)


def test_the_classifier_score_is_the_published_formula() -> None:
    """exp of the mean divergence from the marginal, term by term (Salimans et al. 2016, section 4)."""
    p = np.random.default_rng(0).dirichlet([0.2] * 7, 300)
    divergences = [scipy.stats.entropy(row, p.mean(axis=0)) for row in p]
    assert classifier_score(p).value == pytest.approx(np.exp(np.mean(divergences)), rel=1e-9)


def test_the_classifier_scores_interval_holds_other_draws() -> None:
    rng = np.random.default_rng(0)
    population = rng.dirichlet([0.3] * 4, 50_000)
    truth = classifier_score(population).value
    draws = [classifier_score(population[rng.choice(50_000, 300)]) for _ in range(200)]
    inside = np.mean([low <= truth <= high for _, (low, high) in draws])  # type: ignore[misc]
    assert 0.88 <= inside <= 0.99


def test_the_attack_stays_inside_its_bounds_and_hurts_the_more_the_further_it_may_go(trained: torch.nn.Module) -> None:
    images = stripes(60, 3, contrast=30)
    clean = classify(trained, images).mean()  # type: ignore[arg-type]
    tiny, strong = (
        attack(trained, images, AttackConfig(epsilon=e, step_size=e / 4)).mean()  # type: ignore[arg-type]
        for e in (1e-6, 120)
    )
    assert tiny == pytest.approx(clean, abs=0.05)  # an image on the border between classes may cross it
    assert strong < clean - 0.3


def test_compression_keeps_the_shape_and_loses_more_at_lower_quality() -> None:
    for channels in (1, 3):
        images = np.random.default_rng(0).integers(0, 256, (2, channels, 16, 16)).astype(np.uint8)
        fine, coarse = compress(images, 95), compress(images, 5)
        assert fine.shape == coarse.shape == images.shape
        assert np.abs(coarse.astype(int) - images).mean() > np.abs(fine.astype(int) - images).mean()


def test_gain_tells_good_images_from_wrong_ones() -> None:
    config = GainConfig(classifier=CONFIG, num_seeds=2, attack=AttackConfig(num_steps=2))
    real, val = stripes(40, 4), stripes(60, 5)
    upside_down = LabelledImages(stripes(64, 6).images, 1 - stripes(64, 6).labels)
    good, bad = (measure_gain(real, generated, val, 2, config) for generated in (stripes(64, 6), upside_down))
    accuracy = {
        name: {(r.num_real, r.trained_on): r.accuracy for r in table.rows if r.test == "clean"}
        for name, table in {"good": good, "bad": bad}.items()
    }
    assert accuracy["good"][0, "generated"] > 0.9
    assert accuracy["bad"][0, "generated"] < 0.1
    assert len(good.rows) == 5 * 3
    assert {row.num_real for row in good.rows} == {0, 4, 40}
    assert set(good.gains) == {f"{n} {test}" for n in (40, 4) for test in ("clean", "jpeg", "attack")}
    assert good.gains["4 clean"][0] > bad.gains["4 clean"][0]
    for gain, low, high in good.gains.values():
        assert low <= gain <= high


def test_a_small_part_keeps_every_class() -> None:
    images = LabelledImages(np.zeros((105, 1, 8, 8), np.uint8), np.repeat([0, 1], [100, 5]))
    assert np.bincount(small_part(images, 0.1, 0).labels).tolist() == [10, 1]


def test_the_interval_counts_images_and_seeds() -> None:
    rng = np.random.default_rng(0)
    rates = rng.uniform(0.5, 1.0, 400)
    inside = 0
    for _ in range(200):
        chosen = rng.choice(rates, 100)
        _, low, high = estimate((rng.random((3, 100)) < chosen).astype(float))
        inside += low <= rates.mean() <= high
    assert inside >= 180
    assert estimate(np.ones((3, 100)))[1] == pytest.approx(1 - 3 / 100)
