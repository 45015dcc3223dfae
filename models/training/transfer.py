"""Transfer learning: starting from weights that were trained on other images or other classes."""

import logging
from collections.abc import Mapping

import torch
from torch import nn

from models.errors import ConfigError
from models.training.state import TrainState

logger = logging.getLogger(__name__)


def start_from(state: TrainState, tensors: Mapping[str, torch.Tensor]) -> list[str]:
    """Copy the tensors that fit from a checkpoint, or from the weights of a generator; returns those not found.

    A tensor fits if its name and shape are equal. Tensors that depend on the number of classes do not fit where that
    differs, and keep their random values. Raises ConfigError where no weight of the generator's layers fits: the
    weights are of another family or size.
    """
    if not any(name.startswith("ema.") for name in tensors):
        tensors = {f"ema.{name}": value for name, value in tensors.items()}
    left = []
    for role, network in {**state.roles, "ema": state.ema}.items():
        # The average is the better of the two generators, so both start from it.
        source = "ema" if role == "generator" else role
        for name, value in network.state_dict().items():
            given = tensors.get(f"{source}.{name}")
            if given is not None and given.shape == value.shape:
                value.copy_(given)
            else:
                left.append(f"{role}.{name}")
    layers = [f"ema.{name}" for name in state.ema.state_dict() if name.startswith("layers.")]
    if set(layers) <= set(left):
        raise ConfigError(
            f"train.init: no weights there fit a {state.spec.family} generator of {state.spec.sides} pixels and "
            f"width {state.spec.width}: use weights of the same family, resolution, width and latents"
        )
    if left:
        logger.warning("train.init: %d tensors start from random values: %s", len(left), ", ".join(left))
    return left


def freeze_layers(state: TrainState, count: int) -> None:
    """Freeze the discriminator's first `count` layers that have weights, counted from the image.

    Mo, Cho & Shin 2020 (FreezeD). Raises ConfigError if the family lacks a discriminator, or no layer is left to
    train.
    """
    if not count:
        return
    if "discriminator" not in state.roles:
        raise ConfigError(f"train.freeze_layers {count}: family {state.spec.family} has no discriminator; set it to 0")
    stack = state.discriminator.layers
    assert isinstance(stack, nn.Sequential)
    layers = [layer for layer in stack if any(True for _ in layer.parameters())]
    if count >= len(layers):
        raise ConfigError(f"train.freeze_layers {count}: the discriminator has {len(layers)} layers, freeze fewer")
    for layer in layers[:count]:
        layer.requires_grad_(False)
