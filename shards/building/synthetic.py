"""Finds versions whose images a model made, so that the same images are not generated twice."""

import os
import tempfile
from pathlib import Path

from shards.building.builder import BuildOutcome
from shards.config import ShardConfig
from shards.layout.manifest import LATEST, MANIFEST, Synthetic, load_manifest, versions
from shards.layout.publishing import bucket_errors
from shards.storage.files import storage_errors, write_atomically
from shards.storage.uris import is_remote, join, local_path, store


def find_synthetic(config: ShardConfig, root: str | os.PathLike[str], synthetic: Synthetic) -> BuildOutcome | None:
    """Return the complete version of `config.dataset` that was made in this way and make it the latest; else None.

    Raises DatasetError when a manifest cannot be read, and BuildError when the latest version cannot be set.
    """
    folder = join(join(os.fspath(root), "datasets"), config.dataset)
    for version in versions(folder):
        uri = join(folder, join(version, MANIFEST))
        manifest = load_manifest(uri)
        if manifest.synthetic == synthetic and manifest.settings == config.content_settings():
            _make_latest(folder, version)
            return BuildOutcome.of(manifest, uri if is_remote(uri) else str(local_path(uri)), reused=True)
    return None


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
