"""The dataset versions that a training draws from, and the share of each."""

from collections.abc import Sequence

from models.training.config import TrainConfig
from shards import Blend, Dataset, DatasetError
from tasks.errors import RequestError
from tasks.home import home
from tasks.trainer.config import DataConfig, Parent, parse_blend


def plan_parents(own: Dataset, data: DataConfig, config: TrainConfig) -> list[Parent]:
    """Return the versions that `data.blend` names, the training's own dataset first. Empty without a blend.

    Raises RequestError if they cannot be blended, and DatasetError if one does not exist.
    """
    pairs = parse_blend(data.blend)
    if not pairs:
        return []
    opened = [Dataset.open(name, home().shared) for name, _ in pairs]
    names = [one.name for one in opened]
    if own.uri not in [one.uri for one in opened] or len(set(names)) < len(names):
        raise RequestError(
            f"data.blend is {data.blend!r}, which names {', '.join(names)}: it must name each version once, and "
            f"{own.name}, the dataset of the training, must be one of them"
        )
    if config.compression != "off":
        raise RequestError(
            "data.blend cannot be combined with train.compression, which knows one dataset: set it to off"
        )
    shares = _shares([weight for _, weight in pairs], [one.num_samples("train") for one in opened], data.temperature)
    both = sorted(zip(opened, shares, strict=True), key=lambda pair: pair[0].uri != own.uri)
    try:
        blend = Blend.of([one for one, _ in both], [share for _, share in both])
    except DatasetError as error:
        raise RequestError(f"data.blend is {data.blend!r}. {error}") from error
    return [
        Parent(dataset=one.manifest.dataset, version=one.manifest.version, manifest=one.uri, share=share)
        for one, share in zip(blend.datasets, blend.shares, strict=True)
    ]


def _shares(weights: Sequence[float | None], sizes: Sequence[int], temperature: float) -> list[float]:
    """Return each dataset's share: its weight, or its size to the power of 1 / temperature, divided by the sum.

    Source: Devlin, multilingual BERT (2018), and Arivazhagan et al., arXiv:1907.05019, section 3.1.
    """
    given = [
        size ** (1 / temperature) if weight is None else weight for weight, size in zip(weights, sizes, strict=True)
    ]
    return [round(one / sum(given), 6) for one in given]
