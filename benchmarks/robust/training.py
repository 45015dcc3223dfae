"""One training of the comparison and its scores against the clean val split."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.collections.cache import CACHE as ALL
from benchmarks.harness.scoring import score_checkpoint, score_images
from benchmarks.harness.training import network, train_one
from benchmarks.robust import collections
from benchmarks.robust.arms import Arm
from models.compression.robust import Codecs
from models.metrics.config import EvalConfig
from models.training.checkpoints import CheckpointStore

PROTOCOL = EvalConfig(num_images=1000, input_size=112, num_train=0, second_net="none")
CACHE = ALL / "robust"
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
    dataset = arm.dataset()
    folder = CACHE / arm.slug
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    codecs = Codecs(*dataset.traces()) if arm.config.compression == "known" else None
    train_one(arm.config, network(arm.config, dataset), dataset, folder, codecs)
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
    dataset = collections.compressed(collection, quality, as_png=False) if quality else collections.clean(collection)
    images = torch.from_numpy(collections.some_of(dataset, PROTOCOL.num_images))
    kind = f"{collection}-{f'q{quality}' if quality else 'clean'}-files"
    keep({"name": kind, "kind": kind, **score_images(images.split(250), collections.clean(collection), PROTOCOL)})


def point(arm: Arm, path: Path) -> dict[str, Any]:
    """Scores of the averaged generator in the checkpoint at `path`, against the clean val split."""
    dataset = collections.clean(arm.collection)
    return score_checkpoint(path, network(arm.config, dataset), dataset, PROTOCOL)


def distance(row: dict[str, Any], name: str = "FD-EffNetLite0") -> float:
    """A row's score."""
    return float(row["scores"][name])


def mean(found: list[dict[str, Any]], name: str = "FD-EffNetLite0") -> float:
    """The mean over seeds."""
    return float(np.mean([distance(row, name) for row in found]))
