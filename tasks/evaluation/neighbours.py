"""The training images nearest to each image of a version's grid: found with the scores, shown in the report."""

import json
from typing import NamedTuple

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from models.compute.device import select_device
from models.features.feature_net import FeatureNet, compute_features
from models.grids import encode_png
from models.metrics.config import EvalConfig
from models.metrics.neighbours import nearest_few
from models.metrics.protocol import Protocol
from shards import Dataset
from tasks.evaluation.grids import class_images, shown_classes
from tasks.evaluation.measuring import train_features
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.reports.report import Neighbour
from tasks.tracking.runs import keep_artifact, read_artifact
from tasks.trainer.pictures import TRAIN, train_places

NUM_NEIGHBOURS = 3


class Near(NamedTuple):
    """A training image, by its position in the train split, and its distance in features."""

    place: int
    distance: float


def log_neighbours(
    client: MlflowClient,
    version: ModelVersion,
    dataset: Dataset,
    config: EvalConfig,
    net: FeatureNet,
    protocol: Protocol,
) -> None:
    """Find the nearest training images of the images in `class_grid`, and log their positions to the version's run.

    Nothing is logged where no training images are compared (evaluate.num_train is 0).
    """
    places = train_places(dataset, config)
    if not places:
        return
    generator = LoadedGenerator.load(version)
    images = class_images(generator, config.seed, shown_classes(dataset, generator))
    features = compute_features([images], net, config.batch_size)
    found = nearest_few(features, train_features(dataset, config, net), NUM_NEIGHBOURS, select_device(config.device))
    rows = [
        [Near(places[index], round(float(distance), 4)) for distance, index in zip(*row, strict=True)]
        for row in zip(*found, strict=True)
    ]
    keep_artifact(client, str(version.run_id), neighbours_artifact(protocol), json.dumps(rows).encode())


def read_neighbours(client: MlflowClient, run_id: str, dataset: Dataset, protocol: Protocol) -> list[list[Neighbour]]:
    """Return the nearest training images of each cell. Empty if the version was scored by an older release."""
    stored = read_artifact(client, run_id, neighbours_artifact(protocol))
    if not stored:
        return []
    rows = [[Near(*near) for near in row] for row in json.loads(stored)]
    shown = _thumbnails(dataset, {near.place for row in rows for near in row})
    return [[shown[near.place]._replace(distance=f"{near.distance:.4g}") for near in row] for row in rows]


def neighbours_artifact(protocol: Protocol) -> str:
    """Return the path of the neighbours among the run's artifacts."""
    return f"neighbours/{protocol.digest()}.json"


def _thumbnails(dataset: Dataset, places: set[int]) -> dict[int, Neighbour]:
    """Return the training images at these positions, with the class of each in words. No others are decoded."""
    return {
        place: Neighbour(
            encode_png(sample.decode()), f"training image {sample.key}{_class(dataset, sample.label)}", distance=""
        )
        for place, sample in enumerate(dataset.stream(TRAIN))
        if place in places
    }


def _class(dataset: Dataset, label: int) -> str:
    return f", class {dataset.labels[label]}" if dataset.labels else ""
