"""Resolves `train.family=auto`: which family a dataset is trained with, and the settings that follow from it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from models.networks.choice import Choice, Device, Facts, choose, describe_rule
from models.training.config import TrainConfig
from shards import Manifest
from tasks.errors import RequestError
from tasks.trainer.run_directory import AutoFamily, RunDirectory

__all__ = ["Resolved", "better_family", "describe_rule", "resolve_family"]


class Resolved(NamedTuple):
    """Settings with a definite family, and the decision if the request left it open."""

    train: TrainConfig
    auto: AutoFamily | None = None


def resolve_family(
    config: TrainConfig, manifest: Manifest, *, num_images: int | None = None, runs: Path | None = None
) -> Resolved:
    """Choose the family if `config` leaves it open, by the number of training images (that of the manifest, or given).

    A run in `runs` that was made by the same request on the same dataset version keeps its family, whatever the rule
    says today. Settings that were chosen are kept; the others become the defaults of the family. Raises RequestError if
    they do not fit the family.
    """
    if config.family != "auto":
        return Resolved(config)
    if num_images is None:
        num_images = manifest.num_samples("train")
    request = hashlib.sha256(f"{manifest.version} {config.identity()}".encode()).hexdigest()[:16]
    auto = next(_recorded(request, runs, manifest.dataset), None) if runs else None
    if auto is None:
        from models.compute.device import select_device  # imports torch, which a named family does not need

        device: Device = "cuda" if select_device(config.compute.device).type == "cuda" else "cpu"
        choice = choose(
            Facts(num_images, manifest.channels, manifest.resolution, config.nimg, device, manifest.image_width)
        )
        auto = AutoFamily(request=request, family=choice.family, why=choice.why)
    return Resolved(_with_family(config, Choice(auto.family, auto.why)), auto)


def better_family(config: TrainConfig, manifest: Manifest) -> str:
    """One sentence if the rule would take another family than the default, and nobody has named one; else empty."""
    is_default = config.family == TrainConfig.model_fields["family"].default
    if not is_default or "family" in chosen_settings(config):
        return ""
    # The rows for a GPU alone are left out: whether there is one would need torch.
    facts = Facts(
        manifest.num_samples("train"), manifest.channels, manifest.resolution, config.nimg, "cpu", manifest.image_width
    )
    choice = choose(facts)
    if choice.family == config.family:
        return ""
    return f"The family is {config.family}, the default. train.family=auto would take {choice.why}"


def _recorded(request: str, runs: Path, dataset: str) -> Iterator[AutoFamily]:
    """Yield what existing runs of this request have recorded."""
    for path in sorted(runs.glob(f"{dataset}-*/config.json")):
        found = RunDirectory(path.parent).config().auto
        if found and found.request == request:
            yield found


def _with_family(config: TrainConfig, choice: Choice) -> TrainConfig:
    try:
        return TrainConfig.model_validate({**chosen_settings(config), "family": choice.family})
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
