"""Finds versions whose images a model made, so that the same images are not generated twice."""

import os
import tempfile
from pathlib import Path

from shards.building.builder import BuildOutcome
from shards.config import ShardConfig
from shards.layout.manifest import LATEST, MANIFEST, Manifest, Synthetic, load_manifest, versions
from shards.layout.publishing import bucket_errors
from shards.storage.files import storage_errors, write_atomically
from shards.storage.uris import is_remote, join, local_path, store


def find_synthetic(config: ShardConfig, root: str | os.PathLike[str], synthetic: Synthetic) -> BuildOutcome | None:
    """Return the complete version of `config.dataset` that was made in this way and make it the latest; else None.

    A version that was made before images were marked counts, too: its images are not made again.
    Raises DatasetError when a manifest cannot be read, and BuildError when the latest version cannot be set.
    """
    folder = join(join(os.fspath(root), "datasets"), config.dataset)
    for version in versions(folder):
        uri = join(folder, join(version, MANIFEST))
        manifest = load_manifest(uri)
        if _is_made_like(manifest, config, synthetic):
            _make_latest(folder, version)
            return BuildOutcome.of(manifest, uri if is_remote(uri) else str(local_path(uri)), reused=True)
    return None


def _is_made_like(manifest: Manifest, config: ShardConfig, synthetic: Synthetic) -> bool:
    """Return whether a version was made by this request, perhaps by a release that did not mark images."""
    settings = config.content_settings()
    if manifest.synthetic and manifest.synthetic.mark is None:
        # Unmarked images that look the same have the same bytes, so that release found duplicates by their bytes.
        synthetic, settings = synthetic.model_copy(update={"mark": None}), settings | {"duplicates": "bytes"}
    return manifest.synthetic == synthetic and manifest.settings == settings


def _make_latest(folder: str, version: str) -> None:
    content = f"{version}\n".encode()
    if not is_remote(folder):
        with storage_errors(f"write under {folder}"):
            write_atomically(local_path(folder) / LATEST, content)
        return
    with tempfile.TemporaryDirectory() as scratch, bucket_errors(folder):
        path = Path(scratch, LATEST)
        path.write_bytes(content)
        store(path, join(folder, LATEST))
