"""A tiny real collection, and a home of its own for every test that needs one."""

import os
from pathlib import Path

# Before torch is imported: threads that spin while they wait make a shared machine several times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import pytest
from PIL import Image

import shards

# A library that phones home, or a state folder in the checkout, would make a test depend on where it runs.
os.environ["SHARDGAN_HOME"] = os.environ.get("SHARDGAN_TEST_HOME", "/nonexistent/every-test-sets-its-own")


@pytest.fixture
def home_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty SHARDGAN_HOME."""
    path = tmp_path / "home"
    monkeypatch.setenv("SHARDGAN_HOME", str(path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return path


def write_collection(folder: Path, num_images: int = 48, side: int = 20) -> Path:
    """Two classes, `bright` and `dark`, in four formats, with one broken file."""
    rng = np.random.default_rng(0)
    formats = [("jpg", "JPEG"), ("png", "PNG"), ("gif", "GIF"), ("webp", "WEBP")]
    for index in range(num_images):
        name, low = ("bright", 128) if index % 2 else ("dark", 0)
        pixels = rng.integers(low, low + 128, (side, side, 3), dtype=np.uint8)
        extension, kind = formats[index // 2 % 4]
        path = folder / name / f"{index:03d}.{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, kind)
    (folder / "dark" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    return folder


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """48 images of 20x20 in two classes, and a broken file."""
    return write_collection(tmp_path / "pictures")


@pytest.fixture
def dataset(home_dir: Path, collection: Path) -> str:
    """Manifest of the collection, sharded at 16 pixels under the home, as `tiny`."""
    config = shards.ShardConfig(source=str(collection), dataset="tiny", resolution=16, val_fraction=0.3, workers=1)
    return shards.build(config, home_dir).manifest
