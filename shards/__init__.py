"""Turns compressed images into WebDataset shards and reads them back. A manifest describes each dataset version.

The package needs neither Prefect nor MLflow nor torch. `python -m shards SOURCE ROOT --dataset NAME` builds a dataset.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shards.building.builder import BuildOutcome, build
    from shards.building.progress import BuildProgress
    from shards.building.synthetic import find_synthetic
    from shards.config import ShardConfig
    from shards.dataset.blend import Blend
    from shards.dataset.dataset import Dataset, load_split
    from shards.dataset.traces import JpegTraces
    from shards.decoding.heads import Head, read_heads
    from shards.decoding.partition import PartitionSpec, process_partition
    from shards.decoding.probe import Probe, probe
    from shards.errors import (
        BuildError,
        DatasetError,
        ShardError,
        ShardsError,
        SourceError,
        SplitError,
    )
    from shards.images.conversion import convert
    from shards.images.recipe import Encoding, Recipe
    from shards.images.recompression import Recompressed, recompress
    from shards.layout.manifest import Manifest, ShardRecord, Synthetic, load_manifest
    from shards.reading.resident import Split
    from shards.reading.streaming import Sample
    from shards.reading.windows import WindowedSplit
    from shards.sources.source import list_entries

__all__ = [
    "Blend",
    "BuildError",
    "BuildOutcome",
    "BuildProgress",
    "Dataset",
    "DatasetError",
    "Encoding",
    "Head",
    "JpegTraces",
    "Manifest",
    "PartitionSpec",
    "Probe",
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
    "find_synthetic",
    "list_entries",
    "load_manifest",
    "load_split",
    "probe",
    "process_partition",
    "read_heads",
    "recompress",
]

_MODULES = {
    "building.builder": ("BuildOutcome", "build"),
    "config": ("ShardConfig",),
    "errors": ("BuildError", "DatasetError", "ShardError", "ShardsError", "SourceError", "SplitError"),
    "images.conversion": ("convert",),
    "layout.manifest": ("Manifest", "ShardRecord", "Synthetic", "load_manifest"),
    "decoding.heads": ("Head", "read_heads"),
    "decoding.partition": ("PartitionSpec", "process_partition"),
    "decoding.probe": ("Probe", "probe"),
    "building.progress": ("BuildProgress",),
    "images.recipe": ("Encoding", "Recipe"),
    "images.recompression": ("Recompressed", "recompress"),
    "reading.resident": ("Split",),
    "sources.source": ("list_entries",),
    "reading.streaming": ("Sample",),
    "reading.windows": ("WindowedSplit",),
    "building.synthetic": ("find_synthetic",),
    "dataset.dataset": ("Dataset", "load_split"),
    "dataset.blend": ("Blend",),
    "dataset.traces": ("JpegTraces",),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, because the decoder children need Pillow only."""
    for module, names in _MODULES.items():
        if name in names:
            value = getattr(import_module(f"shards.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'shards' has no attribute {name!r}")
