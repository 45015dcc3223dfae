"""The feature net of an evaluation: loaded from a package or a file, or trained on the dataset itself."""

import hashlib
from pathlib import Path

from models.classifier.classifier import LabelledImages, train_classifier
from models.classifier.config import ClassifierConfig
from models.compute.device import select_device
from models.errors import FeatureNetError
from models.features.classifier_net import save_classifier
from models.features.digests import canonical_json
from models.features.feature_net import FeatureNet
from models.features.nets import load_feature_net
from models.features.weights_file import find_weights
from models.metrics.config import EvalConfig
from shards import Dataset
from tasks.errors import RequestError
from tasks.flow_runs.progress import ProgressReport
from tasks.home import home
from tasks.trainer.pictures import TRAIN


def check_feature_net(config: EvalConfig, dataset: Dataset) -> Path | None:
    """Return the weights file that `config` names, or None. Nothing is loaded or trained.

    Raises RequestError for weights that are missing or wrong, and for a classifier if the dataset has no classes.
    """
    if config.feature_net == "classifier" and len(dataset.labels) < 2:
        raise RequestError(
            f"feature_net is classifier, which needs two classes, but {dataset.manifest.dataset} has "
            f"{len(dataset.labels)}: choose another feature net, or build the dataset with labels"
        )
    try:
        return find_weights(config.weights, config.weights_sha256, home().features) if config.weights else None
    except FeatureNetError as error:
        raise RequestError(str(error)) from error


def find_feature_net(config: EvalConfig, dataset: Dataset) -> FeatureNet:
    """Load the net that `config` names. A classifier of this dataset version is trained if there is none yet.

    Raises RequestError as `check_feature_net` does, and if the file holds another network.
    """
    weights = check_feature_net(config, dataset)
    if config.feature_net == "classifier":
        weights = _classifier_file(config, dataset)
    try:
        return load_feature_net(config.feature_net, config.input_size, select_device(config.device), weights=weights)
    except FeatureNetError as error:
        raise RequestError(str(error)) from error


def find_second_net(config: EvalConfig) -> FeatureNet | None:
    """Load the second judge. Return None where `config` asks for one judge only."""
    if not config.second:
        return None
    return load_feature_net(config.second, config.input_size, select_device(config.device))


def _classifier_file(config: EvalConfig, dataset: Dataset) -> Path:
    """Return the file of the classifier for this content, budget and seed. It is trained only once."""
    budget = ClassifierConfig(seed=config.seed)
    key = canonical_json([dataset.manifest.dataset, dataset.manifest.version, TRAIN, budget.model_dump()])
    path = home().features / f"classifier-{hashlib.sha256(key.encode()).hexdigest()[:24]}.safetensors"
    if not path.exists():
        split = dataset.open_split(TRAIN)
        device, num_classes = select_device(config.device), len(dataset.labels)
        with ProgressReport(
            "classifier", f"Training a classifier of {dataset.manifest.dataset}", budget.nimg
        ) as progress:
            net = train_classifier(
                [LabelledImages(split.images, split.labels)],
                num_classes,
                budget,
                device,
                lambda done, _: progress.update(done, "images seen"),
            )
        save_classifier(net, path)
    return path
