"""The compression traces of a dataset's images, for a training that will be robust to compression.

Imports neither Prefect nor MLflow: the trainer uses this file.
"""

from typing import TYPE_CHECKING

from models.networks.spec import NetworkSpec
from models.training.config import TrainConfig
from shards import Dataset

if TYPE_CHECKING:
    from models.compression.robust import Codecs


def training_codecs(config: TrainConfig, dataset: Dataset) -> "Codecs | None":
    """Return the encodings of the training split, if `config` asks for them."""
    if config.compression != "known":
        return None
    from models.compression.robust import Codecs  # importing torch takes seconds

    return Codecs(*dataset.traces())


def check_compression(config: TrainConfig, network: NetworkSpec, dataset: Dataset) -> None:
    """Raise ConfigError or DatasetError if `train.compression` cannot be used with this dataset or family."""
    if config.compression == "off":
        return
    from models.compression.robust import make_compressor  # importing torch takes seconds

    make_compressor(config.compression, network, training_codecs(config, dataset))
