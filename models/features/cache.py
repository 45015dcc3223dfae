"""A cache of the features of real images, keyed by content: each dataset version is computed only once."""

import hashlib
import logging
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import save_file

from models.features.digests import canonical_json
from models.features.feature_net import Array, FeatureNet, Images, Progress, compute_features
from models.features.weights_file import atomic_file

logger = logging.getLogger(__name__)


def reference_features(
    images: Images,
    net: FeatureNet,
    cache_dir: Path,
    content_key: str,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> Array:
    """The features [N, C] float32 of real images, read from the cache if this content was computed before.

    `content_key` names the content and not a place: dataset version, split and number of images. The cache key also
    contains the feature net's name, weights, input size and filter. `images` may be a generator, which is not used if
    the cache has the features. A damaged cache file is computed again and replaced.
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
    with atomic_file(path) as unfinished:
        save_file({"features": features}, unfinished, {"key": key, "sha256": _array_sha256(features)})


def _array_sha256(array: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
