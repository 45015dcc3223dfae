"""One training of the comparison, and its scores at every checkpoint."""

from pathlib import Path
from typing import Any

from benchmarks.collections.cache import CACHE
from benchmarks.families.contenders import Contender
from benchmarks.harness.rows import kept
from benchmarks.harness.scoring import score_checkpoint
from benchmarks.harness.training import network, train_one
from models.compute.draws import mixed_seed
from models.metrics.config import EvalConfig
from models.training.checkpoints import CheckpointStore
from shards import Dataset

PROTOCOL = EvalConfig(num_images=2000, input_size=112)


def run(contender: Contender, dataset: Dataset) -> dict[str, Any]:
    """Train and score, or go on where it was stopped; the result is kept as result.json in the run's folder."""
    settings = contender.config.model_dump_json()
    folder = CACHE / "families" / f"{contender.slug}-{mixed_seed(*settings.encode()):016x}"
    return kept(folder / "result.json", lambda: train_and_score(contender, dataset, folder))


def train_and_score(contender: Contender, dataset: Dataset, folder: Path) -> dict[str, Any]:
    """What the training cost, and the scores at each checkpoint."""
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    spec = network(contender.config, dataset)
    seconds = train_one(contender.config, spec, dataset, folder)
    checkpoints = CheckpointStore(folder / "checkpoints").committed()
    generator = spec.build_networks()["generator"]
    return {
        "collection": contender.collection,
        "name": contender.name,
        "nimg": contender.config.nimg,
        "images_per_second": contender.config.nimg / seconds,
        "parameters": sum(parameter.numel() for parameter in generator.parameters()),
        "curve": [score_checkpoint(path, spec, dataset, PROTOCOL) for path in checkpoints],
        "config": contender.config.model_dump(mode="json"),
    }
