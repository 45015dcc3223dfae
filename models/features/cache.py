"""Features of real images, kept by content: the second evaluation on a dataset version computes none of them."""

import hashlib
import logging
from pathlib import Path
from uuid import uuid4

import numpy as np
import safetensors
from safetensors.numpy import save_file

from models.features.digests import canonical_json
from models.features.feature_net import Array, FeatureNet, Images, Progress, compute_features

logger = logging.getLogger(__name__)


def reference_features(
    images: Images,
    net: FeatureNet,
    cache_dir: Path,
    content_key: str,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> Array:
    """Give the features [N, C] float32 of real images, from the cache if the same content was seen before.

    `content_key` names the content, never a place: dataset version, split and number of images. Together
    with the net's name, weights, size and filter it is the cache's key. `images` may be a generator: on a hit
    it is not touched, so nothing is read. A damaged cache file is computed anew and replaced.
    """
    key = canonical_json([content_key, net.name, net.sha256, net.input_size, net.resize_filter])
    path = cache_dir / f"features-{hashlib.sha256(key.encode()).hexdigest()[:24]}.safetensors"
    cached = _read_cache(path, key)
    if cached is not None:
        return cached
    features = compute_features(images, net, batch_size, progress=progress)
    _write_cache(path, key, features)
    return features


def _read_cache(path: Path, key: str) -> Array | None:
    if not path.exists():
        return None
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            about, features = file.metadata(), np.asarray(file.get_tensor("features"))
        if about == {"key": key, "sha256": _array_sha256(features)}:
            return features
    except (safetensors.SafetensorError, OSError) as error:
        logger.debug("%s: %s", path, error)
    logger.warning("reference features in %s are damaged: computing them again", path)
    return None


def _write_cache(path: Path, key: str, features: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own for each writer: two evaluations at once then write twice, but never into each other.
    unfinished = path.with_name(f".{path.stem}.{uuid4().hex}.tmp")
    save_file({"features": features}, unfinished, {"key": key, "sha256": _array_sha256(features)})
    unfinished.replace(path)


def _array_sha256(array: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
