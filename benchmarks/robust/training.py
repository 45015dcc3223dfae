"""One training of the comparison and its scores against the clean val split."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.families.training import generated, network, train_one
from benchmarks.robust import collections
from benchmarks.robust.arms import Arm
from models.compression.robust import Codecs
from models.features.cache import reference_features
from models.features.nets import load_feature_net
from models.metrics.config import EvalConfig
from models.metrics.evaluation import Scores, evaluate
from models.metrics.protocol import Protocol
from models.training.checkpoints import CheckpointStore, load_checkpoint
from shards import load_manifest, load_split, read_jpeg_traces

PROTOCOL = EvalConfig(num_images=1000, input_size=112, num_train=0)
CACHE = Path(".cache/bench/robust")
ROWS = CACHE / "rows.jsonl"


def rows() -> dict[str, dict[str, Any]]:
    """What has been measured so far, by name."""
    lines = ROWS.read_text().splitlines() if ROWS.exists() else []
    return {row["name"]: row for row in map(json.loads, lines)}


def keep(row: dict[str, Any]) -> None:
    """Append one row."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with ROWS.open("a") as file:
        file.write(json.dumps(row) + "\n")


def train(arm: Arm) -> Path:
    """Train to the end, or go on where it was left; returns the folder of the checkpoints."""
    uri = arm.manifest()
    folder = CACHE / arm.slug
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    codecs = Codecs(*read_jpeg_traces(uri)) if arm.config.compression == "known" else None
    train_one(arm.config, network(arm.config, load_manifest(uri)), uri, folder, codecs)
    return folder


def measure(arm: Arm) -> None:
    """Train, and score the end of it."""
    folder = train(arm)
    last = CheckpointStore(folder / "checkpoints").committed()[-1]
    ticks = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    learnt = {name: value for name, value in ticks[-1].items() if name.startswith("compression_")}
    seconds = float((folder / "seconds").read_text())
    keep({"name": arm.slug, "kind": arm.kind, **learnt, **point(arm, last), "seconds": seconds})


def measure_curve(arm: Arm) -> None:
    """Score the checkpoints before the end."""
    for path in CheckpointStore(CACHE / arm.slug / "checkpoints").committed()[:-1]:
        name = f"{arm.slug}@{int(path.name)}"
        if name not in rows():
            keep({"name": name, "kind": arm.kind, **point(arm, path)})


def measure_files(collection: str, quality: int) -> None:
    """Score real training images, clean (quality 0) or as the JPEG files are."""
    uri = collections.compressed(collection, quality, as_png=False) if quality else collections.clean(collection)
    images = torch.from_numpy(collections.some_of(uri, PROTOCOL.num_images))
    kind = f"{collection}-{f'q{quality}' if quality else 'clean'}-files"
    keep({"name": kind, "kind": kind, **scored(collection, images.split(250))})


def point(arm: Arm, path: Path) -> dict[str, Any]:
    """Scores of the averaged generator in the checkpoint at `path`."""
    checkpoint = load_checkpoint(path)
    val = load_split(collections.clean(arm.collection), "val")
    generator = network(arm.config, val.manifest).build_networks()["generator"]
    generator.load_state_dict(checkpoint.part("ema"))
    return {"nimg": checkpoint.nimg, **scored(arm.collection, generated(generator.eval(), val.labels))}


def scored(collection: str, images: Any) -> dict[str, Any]:
    """Scores of uint8 NCHW batches against the clean val split, with intervals and the protocol."""
    val = load_split(collections.clean(collection), "val")
    net = load_feature_net(PROTOCOL.feature_net, PROTOCOL.input_size, "cpu")
    reference = reference_features(val.images, net, CACHE / "features", f"{val.manifest.version} val {len(val)}")
    protocol = Protocol.of(
        PROTOCOL,
        net,
        dataset=val.manifest.dataset,
        dataset_version=val.manifest.version,
        num_reference=len(val),
    )
    scores: Scores = evaluate(images, reference, PROTOCOL, net, protocol).scores
    stamp = json.loads(protocol.model_dump_json())
    return {"scores": scores.values, "intervals": scores.intervals, "protocol": stamp}


def distance(row: dict[str, Any], name: str = "FD-EffNetLite0") -> float:
    """A row's score."""
    return float(row["scores"][name])


def mean(found: list[dict[str, Any]], name: str = "FD-EffNetLite0") -> float:
    """The mean over seeds."""
    return float(np.mean([distance(row, name) for row in found]))
