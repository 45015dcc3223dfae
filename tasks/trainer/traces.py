"""How a dataset's images were compressed, for a training that is to be robust to it.

Imports neither Prefect nor MLflow: the trainer uses this file.
"""

from models.compression.robust import Codecs, make_compressor
from models.networks.families import NetworkSpec
from models.training.config import TrainConfig
from shards import Dataset


def training_codecs(config: TrainConfig, dataset: Dataset) -> Codecs | None:
    """The encodings of the training split, where `config` asks for them."""
    return Codecs(*dataset.traces()) if config.compression == "known" else None


def check_compression(config: TrainConfig, network: NetworkSpec, dataset: Dataset) -> None:
    """Raise ConfigError or DatasetError where `train.compression` cannot be had with this dataset or family."""
    make_compressor(config.compression, network, training_codecs(config, dataset))
