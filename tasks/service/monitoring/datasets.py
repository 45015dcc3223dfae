"""The newest version of each dataset: its size, and what became of the files of its source."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from shards import Dataset, DatasetError
from shards.layout.manifest import MANIFEST, Manifest, versions
from shards.storage.uris import join
from tasks.home import Home
from tasks.tracking.inventory.datasets import dataset_folder, dataset_names, read_latest


class DatasetFigures:
    """Reads each manifest once: a version never changes."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._known: dict[str, tuple[str, Manifest | None]] = {}  # by name: the version, None if it is damaged

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of all datasets. Raises an error of the storage, such as OSError, if it does not answer."""
        images = GaugeMetricFamily(
            "shardgan_dataset_images", "Images in the newest version.", labels=["dataset", "split"]
        )
        size = GaugeMetricFamily(
            "shardgan_dataset_bytes", "Size of the shards of the newest version.", labels=["dataset"]
        )
        files = GaugeMetricFamily(
            "shardgan_dataset_files",
            "Files of the source of the newest version, by outcome.",
            labels=["dataset", "outcome"],
        )
        ratio = GaugeMetricFamily(
            "shardgan_dataset_quarantined_ratio",
            "Quarantined files of the newest version, of all files.",
            labels=["dataset"],
        )
        number = GaugeMetricFamily("shardgan_dataset_versions", "Complete versions of the dataset.", labels=["dataset"])
        for name in dataset_names(self.home):
            folder = dataset_folder(self.home, name)
            number.add_metric([name], len(versions(folder)))
            if manifest := self._newest(name, folder):
                _describe(manifest, images, size, files, ratio)
        yield from (images, size, files, ratio, number)

    def _newest(self, name: str, folder: str) -> Manifest | None:
        version = read_latest(folder)
        if version and self._known.get(name, ("", None))[0] != version:
            try:
                manifest = Dataset.open(join(join(folder, version), MANIFEST)).manifest
            except DatasetError:
                manifest = None  # `shardgan list` says what is wrong
            self._known[name] = (version, manifest)
        return self._known[name][1] if version else None


def _describe(
    manifest: Manifest,
    images: GaugeMetricFamily,
    size: GaugeMetricFamily,
    files: GaugeMetricFamily,
    ratio: GaugeMetricFamily,
) -> None:
    name, counts = manifest.dataset, manifest.counts
    for split, count in manifest.num_samples_by_split.items():
        images.add_metric([name, split], count)
    size.add_metric([name], sum(shard.bytes for shard in manifest.shardlist))
    outcomes = {"kept": counts.kept, "duplicate": counts.duplicates, "quarantined": counts.quarantined}
    for outcome, count in outcomes.items():
        files.add_metric([name, outcome], count)
    ratio.add_metric([name], counts.quarantined / counts.seen if counts.seen else 0.0)
