"""The compression traces of a dataset's images, for a training that will be robust to compression.

Imports neither Prefect nor MLflow: the trainer uses this file.
"""

from models.compression.robust import Codecs, make_compressor
from models.networks.families import NetworkSpec
from models.training.config import TrainConfig
from shards import Dataset


def training_codecs(config: TrainConfig, dataset: Dataset) -> Codecs | None:
    """Return the encodings of the training split, if `config` asks for them."""
    return Codecs(*dataset.traces()) if config.compression == "known" else None


def check_compression(config: TrainConfig, network: NetworkSpec, dataset: Dataset) -> None:
    """Raise ConfigError or DatasetError if `train.compression` cannot be used with this dataset or family."""
    make_compressor(config.compression, network, training_codecs(config, dataset))
