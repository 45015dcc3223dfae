"""Compressed images to WebDataset shards and back, with a manifest that says what is in them.

Stands on its own: no Prefect, no MLflow, no torch. `python -m shards SOURCE ROOT --dataset NAME` builds a
dataset.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shards.builder import BuildOutcome, build
    from shards.config import ShardConfig
    from shards.errors import (
        BuildError,
        DatasetError,
        ShardError,
        ShardsError,
        SourceError,
        SplitError,
    )
    from shards.images import convert
    from shards.manifest import Manifest, ShardRecord, Synthetic, load_manifest, resolve_dataset
    from shards.partition import PartitionSpec, process_partition
    from shards.progress import BuildProgress
    from shards.reader import Split, decoded_bytes, fits_memory, load_split
    from shards.recipe import Encoding, Recipe
    from shards.recompression import Recompressed, recompress
    from shards.source import list_entries
    from shards.streaming import Sample, stream_split
    from shards.synthetic import find_synthetic
    from shards.tables import read_samples_table
    from shards.traces import JpegTraces, read_jpeg_traces
    from shards.verification import find_damage
    from shards.windows import WindowedSplit, open_windows

__all__ = [
    "BuildError",
    "BuildOutcome",
    "BuildProgress",
    "DatasetError",
    "Encoding",
    "JpegTraces",
    "Manifest",
    "PartitionSpec",
    "Recipe",
    "Recompressed",
    "Sample",
    "ShardConfig",
    "ShardError",
    "ShardRecord",
    "ShardsError",
    "SourceError",
    "Split",
    "SplitError",
    "Synthetic",
    "WindowedSplit",
    "build",
    "convert",
    "decoded_bytes",
    "find_damage",
    "find_synthetic",
    "fits_memory",
    "list_entries",
    "load_manifest",
    "load_split",
    "open_windows",
    "process_partition",
    "read_jpeg_traces",
    "read_samples_table",
    "recompress",
    "resolve_dataset",
    "stream_split",
]

_MODULES = {
    "builder": ("BuildOutcome", "build"),
    "config": ("ShardConfig",),
    "errors": ("BuildError", "DatasetError", "ShardError", "ShardsError", "SourceError", "SplitError"),
    "images": ("convert",),
    "manifest": ("Manifest", "ShardRecord", "Synthetic", "load_manifest", "resolve_dataset"),
    "partition": ("PartitionSpec", "process_partition"),
    "progress": ("BuildProgress",),
    "recipe": ("Encoding", "Recipe"),
    "recompression": ("Recompressed", "recompress"),
    "reader": ("Split", "decoded_bytes", "fits_memory", "load_split"),
    "source": ("list_entries",),
    "streaming": ("Sample", "stream_split"),
    "windows": ("WindowedSplit", "open_windows"),
    "synthetic": ("find_synthetic",),
    "traces": ("JpegTraces", "read_jpeg_traces"),
    "tables": ("read_samples_table",),
    "verification": ("find_damage",),
}


def __getattr__(name: str) -> Any:
    """Import a public name when first asked for: the decoder children need Pillow and no more of this."""
    for module, names in _MODULES.items():
        if name in names:
            value = getattr(import_module(f"shards.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'shards' has no attribute {name!r}")
