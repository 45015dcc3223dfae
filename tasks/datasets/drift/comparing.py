"""Compares the new files of a source with the dataset that the champion was trained on."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from prefect import task

from models.compute.device import select_device
from models.features.cache import reference_features
from models.features.feature_net import Array, FeatureNet, compute_features
from models.features.nets import IN_PACKAGES, load_feature_net
from models.metrics.config import EvalConfig
from models.metrics.drift import Drift, drift_of, feature_drift, kolmogorov_smirnov, total_variation
from models.metrics.judges import FIRST_JUDGE
from shards import Dataset, Probe, ShardConfig, list_entries, probe
from shards.layout.manifest import beside
from shards.layout.tables import read_columns
from shards.sources.entries import Entry, folder_at
from tasks.datasets.config import DriftPolicy
from tasks.datasets.drift.decision import Comparison, Difference
from tasks.errors import RegistryError
from tasks.flow_runs.progress import ProgressReport
from tasks.home import home
from tasks.registry.versions import find_champion
from tasks.tracking.model_ref import uri_of
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags

__all__ = ["compare_source"]

logger = logging.getLogger(__name__)
SPLIT = "train"
SEED = 0
FEW = 100  # files by which the level of the class folders is found
LEAST = 4  # images on both sides; with fewer, nothing is compared


class Known(NamedTuple):
    """What the tables of a dataset version say of its files."""

    sizes: dict[str, int]  # bytes of each file that became an image, -1 for all others, by its name in the source
    contents: frozenset[str]  # sha256
    formats: np.ndarray
    sides: np.ndarray  # geometric mean of width and height, in pixels, on a logarithmic scale
    labels: np.ndarray
    depth: int  # number of folders before the one that gives the class

    def class_of(self, entry: Entry) -> str | None:
        """Return the class of a file as the dataset's build would find it: it strips folders that all files share."""
        return entry.label if entry.depth is None else folder_at(entry.source, self.depth)


@task(task_run_name="compare-{config.dataset}")
def compare_source(config: ShardConfig, model: str, policy: DriftPolicy, evaluate: EvalConfig) -> Comparison:
    """Compare the files of `config.source` with the dataset of the champion of `model`. Only a sample is decoded.

    Raises RegistryError if there is no champion: there is nothing to compare with.
    """
    version = find_champion(connect(home()), model)
    if version is None:
        raise RegistryError(f"{model} has no champion to compare with: train one first, with shardgan run")
    dataset = Dataset.open(VersionTags.of(version, "manifest").manifest)
    known = read_known(dataset)
    entries = list(list_entries(config))
    new = [entry for entry in entries if is_new(entry, known)]
    chosen = pick(new, policy.sample)
    settings = config.model_copy(update=_stored_as(dataset))
    with ProgressReport("drift", f"Comparing new files with {dataset.name}", total=len(chosen) or 1) as progress:
        found = []
        for done, one in enumerate(probe(chosen, settings) if chosen else ()):
            found.append(one)
            progress.update(done + 1, f"{done + 1:,}/{len(chosen):,} files decoded")
    fresh = [one for one in found if one.sample and one.facts["source_sha256"] not in known.contents]
    net = _load_net(evaluate) if len(fresh) >= LEAST else None
    return Comparison(
        model=uri_of(version),
        dataset=dataset.name,
        known=dataset.manifest.counts.kept,
        listed=len(entries),
        new=len(new),
        sampled=len(chosen),
        usable=len(fresh),
        reasons=Counter(one.facts["reason"] for one in found if "reason" in one.facts),
        new_classes=_new_classes(new, known, dataset),
        feature_net=net.name if net else "",
        features=_plain(_compare_features(dataset, fresh, net, policy, evaluate)) if net else None,
        **{name: _plain(drift) for name, drift in _compare_files(known, fresh, new, dataset).items()},
        refused=_plain(_compare_refusals(dataset, found)) if found else None,
        codec_shares=_codec_shares(known, fresh),
    )


def read_known(dataset: Dataset) -> Known:
    """Read the tables beside the manifest."""
    samples = dataset.samples_table(
        ["source", "source_bytes", "source_sha256", "frame", "format", "width", "height", "label_name"]
    )
    sizes = dict(zip(samples["source"].to_pylist(), samples["source_bytes"].to_pylist(), strict=True))
    for name in ("duplicates.parquet", "quarantine.parquet"):
        others: pa.Table = read_columns(beside(dataset.uri, name), ["source"])
        sizes |= dict.fromkeys(others["source"].to_pylist(), -1)
    first = samples.filter(pc.equal(samples["frame"], 0))
    rows = zip(first["source"].to_pylist(), first["label_name"].to_pylist(), strict=True)
    labelled = [(source, label) for source, label in rows if label is not None]
    return Known(
        sizes=sizes,
        contents=frozenset(samples["source_sha256"].to_pylist()),
        formats=np.array(first["format"].to_pylist(), dtype=str),
        sides=_sides(first["width"].to_numpy(), first["height"].to_numpy()),
        labels=np.array([label for _, label in labelled], dtype=str),
        depth=find_depth(labelled[:FEW]),
    )


def find_depth(labelled: Sequence[tuple[str, str]]) -> int:
    """Return the number of folders before the one that names the class in all of these (file, class); 0 without any."""
    for depth in range(max((source.count("/") for source, _ in labelled), default=0)):
        if all(folder_at(source, depth) == label for source, label in labelled):
            return depth
    return 0


def is_new(entry: Entry, known: Known) -> bool:
    """Return whether the dataset does not have this file, or has another file of this name and another size."""
    size = known.sizes.get(entry.source)
    return size is None or (size >= 0 and entry.size > 0 and size != entry.size)


def pick(entries: Sequence[Entry], count: int) -> list[Entry]:
    """Choose files at random; the same files each time."""
    chosen = np.random.default_rng(SEED).permutation(len(entries))[:count]
    return [entries[place] for place in sorted(chosen.tolist())]


def _stored_as(dataset: Dataset) -> dict[str, Any]:
    """The settings that make an image look as those in the dataset do."""
    stored = dataset.manifest.settings
    names = (
        "resolution",
        "image_width",
        "channels",
        "shape",
        "resample",
        "only_shrink",
        "encoding",
        "alpha",
        "background",
    )
    return {name: stored[name] for name in names if name in stored}


def _load_net(config: EvalConfig) -> FeatureNet:
    name = config.feature_net if config.feature_net in IN_PACKAGES else FIRST_JUDGE
    return load_feature_net(name, config.input_size, select_device(config.device))


def _compare_features(
    dataset: Dataset, fresh: Sequence[Probe], net: FeatureNet, policy: DriftPolicy, config: EvalConfig
) -> Drift | None:
    count = min(2 * policy.sample, dataset.num_samples(SPLIT))
    if count < LEAST:
        return None
    places = set(np.random.default_rng(SEED).permutation(dataset.num_samples(SPLIT))[:count].tolist())
    images = (sample.decode()[None] for place, sample in enumerate(dataset.stream(SPLIT)) if place in places)
    key = f"{dataset.name} {SPLIT} {count} of {dataset.num_samples(SPLIT)} for drift"
    with ProgressReport("drift-features", f"Features of {count + len(fresh):,} images", count + len(fresh)) as progress:
        known: Array = reference_features(
            images, net, home().features, key, config.batch_size, lambda done, _: progress.update(done, "known images")
        )
        new = compute_features(
            (one.sample.decode()[None] for one in fresh if one.sample),
            net,
            config.batch_size,
            progress=lambda done, _: progress.update(count + done, "new images"),
        )
    return feature_drift(known, new, seed=SEED)


def _compare_files(
    known: Known, fresh: Sequence[Probe], new: Sequence[Entry], dataset: Dataset
) -> dict[str, Drift | None]:
    """Compare sizes and codecs of the decoded files, and the classes of all new files among the known classes."""
    classes = set(dataset.labels)
    labels = np.array([label for label in map(known.class_of, new) if label in classes], dtype=str)
    formats = np.array([one.facts["format"] for one in fresh], dtype=str)
    sides = _sides(*(np.array([one.facts[name] for one in fresh]) for name in ("width", "height")))
    compared = {
        "classes": (known.labels, labels, total_variation),
        "codecs": (known.formats, formats, total_variation),
        "sizes": (known.sides, sides, kolmogorov_smirnov),
    }
    return {
        name: drift_of(before, now, distance, seed=SEED) if len(before) and len(now) else None
        for name, (before, now, distance) in compared.items()
    }


def _compare_refusals(dataset: Dataset, found: Sequence[Probe]) -> Drift:
    """Compare the shares of refused files. A smaller share is no distance."""
    counts = dataset.manifest.counts
    before = np.arange(counts.seen) < counts.quarantined
    now = np.array(["reason" in one.facts for one in found])
    return drift_of(before, now, lambda known, new: max(float(new.mean() - known.mean()), 0.0), seed=SEED)


def _new_classes(new: Sequence[Entry], known: Known, dataset: Dataset) -> dict[str, int]:
    """Count the new files of each class that the dataset does not have. Empty for a dataset without classes."""
    if not dataset.labels:
        return {}
    classes = set(dataset.labels)
    return dict(Counter(label for label in map(known.class_of, new) if label and label not in classes).most_common())


def _codec_shares(known: Known, fresh: Sequence[Probe]) -> dict[str, tuple[float, float]]:
    now = Counter(one.facts["format"] for one in fresh)
    before = Counter(known.formats.tolist())
    return {
        codec: (before[codec] / (before.total() or 1), now[codec] / (now.total() or 1))
        for codec in sorted({*before, *now})
    }


def _sides(width: np.ndarray, height: np.ndarray) -> np.ndarray:
    return np.asarray(np.log2(width.astype(float) * height) / 2)


def _plain(drift: Drift | None) -> Difference | None:
    if drift is None:
        return None
    return Difference(**drift._asdict(), ratio=drift.ratio, exceeds_chance=drift.exceeds_chance)
