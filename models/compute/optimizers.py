"""An optimiser's state as tensors under flat names, and back."""

import torch

__all__ = ["laid_out_like", "optimizer_tensors", "restore_optimizer"]


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Every tensor that it has gathered, by the parameter's number and the slot's name."""
    return {
        f"{index}.{slot}": value
        for index, slots in optimizer.state_dict()["state"].items()
        for slot, value in slots.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, flat: dict[str, torch.Tensor]) -> None:
    """Become what `optimizer_tensors` gave; the settings of its groups stay as they are."""
    slots: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in flat.items():
        index, slot = name.split(".")
        slots.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    for parameter, held in optimizer.state.items():
        held |= {slot: laid_out_like(value, parameter) for slot, value in held.items()}


def laid_out_like(tensor: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """`tensor` in the memory layout of a parameter of its shape: CUDA's fused optimisers refuse any other."""
    if tensor.shape != parameter.shape or tensor.stride() == parameter.stride():
        return tensor
    return torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)
