"""Resolves `train.family=auto`: which family a dataset is trained with, and the settings that follow from it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ValidationError

from models.networks.choice import Choice, Device, Facts, choose, describe_rule
from models.training.config import TrainConfig
from shards import Manifest
from tasks.errors import RequestError
from tasks.trainer.run_directory import AutoFamily, RunDirectory

if TYPE_CHECKING:
    from tasks.training.transfer import Start

__all__ = ["Resolved", "describe_rule", "resolve_family"]

# Of NVIDIA, of AMD, and of a GPU in the Linux of Windows.
GPU_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/kfd"), Path("/dev/dxg"))


class Resolved(NamedTuple):
    """Settings with a definite family, and the decision if the request left it open."""

    train: TrainConfig
    auto: AutoFamily | None = None


def resolve_family(
    config: TrainConfig,
    manifest: Manifest,
    *,
    num_images: int | None = None,
    runs: Path | None = None,
    start: "Start | None" = None,
) -> Resolved:
    """Choose the family if `config` leaves it open, by the number of training images (that of the manifest, or given).

    Weights to `start` from fit one family only: if it is known, it is taken, with its preset. A run in `runs` that was
    made by the same request on the same dataset version keeps its family, whatever the rule says today. Settings that
    were chosen are kept; the others become the defaults of the family. Raises RequestError if they do not fit it.
    """
    if config.family != "auto":
        return Resolved(config)
    if num_images is None:
        num_images = manifest.num_samples("train")
    request = hashlib.sha256(f"{manifest.version} {config.identity()}".encode()).hexdigest()[:16]
    auto = next(_recorded(request, runs, manifest.dataset), None) if runs else None
    if start and start.family and auto is None:
        why = f"{start.family}, because the weights in train.init are of this family"
        found = {"family": start.family, "preset": start.preset, "why": why}
        auto = AutoFamily.model_validate({"request": request, **found})
    if auto is None:
        device = _find_device(config)
        facts = Facts(num_images, manifest.channels, manifest.resolution, config.nimg, device, manifest.image_width)
        choice = choose(facts)
        auto = AutoFamily(request=request, family=choice.family, why=choice.why, preset=choice.preset)
    return Resolved(_with_family(config, Choice(auto.family, auto.why, auto.preset)), auto)


def _find_device(config: TrainConfig) -> Device:
    """Where the training runs. torch, whose import takes seconds, is asked only on a machine with a driver of a GPU."""
    if config.compute.device != "auto":
        return config.compute.device
    if not any(path.exists() for path in GPU_DRIVERS):
        return "cpu"
    from models.compute.device import select_device

    return "cuda" if select_device("auto").type == "cuda" else "cpu"


def _recorded(request: str, runs: Path, dataset: str) -> Iterator[AutoFamily]:
    """Yield what existing runs of this request have recorded."""
    for path in sorted(runs.glob(f"{dataset}-*/config.json")):
        found = RunDirectory(path.parent).config().auto
        if found and found.request == request:
            yield found


def _with_family(config: TrainConfig, choice: Choice) -> TrainConfig:
    settings = {**chosen_settings(config), "preset": choice.preset, "family": choice.family}
    try:
        return TrainConfig.model_validate(settings)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise RequestError(f"train.family is auto, which means {choice.why}. But {reason}; or name a family") from error


def chosen_settings(config: BaseModel) -> dict[str, Any]:
    """The settings that somebody chose, as a tree.

    A config that was read from a complete record has every field set. Then those that differ from the defaults count.
    """
    fields = type(config).model_fields
    is_complete = config.model_fields_set == set(fields)
    found: dict[str, Any] = {}
    for name in fields:
        value = getattr(config, name)
        if name not in config.model_fields_set:
            continue
        if isinstance(value, BaseModel):
            if below := chosen_settings(value):
                found[name] = below
        elif not is_complete or value != fields[name].default:
            found[name] = value
    return found
