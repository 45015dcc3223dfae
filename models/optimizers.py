"""An optimiser's state as tensors under flat names, and back."""

import torch

__all__ = ["optimizer_tensors", "restore_optimizer"]


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
