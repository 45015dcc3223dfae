"""Adam in one kernel for all weights; the state of an optimiser as tensors under flat names, and its restoration."""

import torch
from torch import nn

FUSED_DEVICES = ("cuda", "cpu")


def fused_adam(network: nn.Module, is_recorded: bool = False) -> torch.optim.Adam:
    """Adam for the weights of `network`, which updates all of them in one kernel and never reads from the device.

    With `is_recorded` its steps can be recorded: it reads the learning rate from a tensor on the device.
    """
    parameters = list(network.parameters())
    device = parameters[0].device
    rate = torch.tensor(1e-3, device=device) if is_recorded else 1e-3  # the training loop sets it before each step
    is_fused = device.type in FUSED_DEVICES
    return torch.optim.Adam(parameters, lr=rate, fused=is_fused, capturable=is_recorded and device.type == "cuda")


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Every tensor of the optimiser's state, named by the number of the parameter and the name of the slot."""
    return {
        f"{index}.{slot}": value
        for index, slots in optimizer.state_dict()["state"].items()
        for slot, value in slots.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, flat: dict[str, torch.Tensor]) -> None:
    """Set the state that `optimizer_tensors` returned. The settings of the parameter groups do not change."""
    slots: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in flat.items():
        index, slot = name.split(".")
        slots.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    for parameter, held in optimizer.state.items():
        held |= {slot: laid_out_like(value, parameter) for slot, value in held.items()}


def laid_out_like(tensor: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """`tensor` in the memory layout of `parameter`, if the shapes are equal. CUDA's fused optimisers require it."""
    if tensor.shape != parameter.shape or tensor.stride() == parameter.stride():
        return tensor
    return torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)
