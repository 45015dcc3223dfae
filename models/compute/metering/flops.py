"""Counts the FLOPs of convolutions and matrix products, also in backward passes of any order.

A multiplication and an addition are two FLOPs. Unlike `torch.utils.flop_counter` this counts grouped convolutions'
backward passes by their groups, and also works inside `torch.autograd.grad`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up in `total` what is computed inside the `with` block. Tensors may be on the device meta."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.total += _flops(func.overloadpacket, args, out)
        return out


def _flops(operation: Any, args: Sequence[Any], out: Any) -> int:
    if operation is aten.convolution:
        inputs, weight, transposed = args[0], args[1], args[6]
        return _convolution(inputs, weight, inputs if transposed else out)
    if operation is aten.convolution_backward:
        gradient, inputs, weight, transposed, mask = args[0], args[1], args[2], args[7], args[10]
        # The gradients by the input and by the weight each take as many multiplications as the convolution itself.
        number: int = sum(mask[:2])
        return number * _convolution(inputs, weight, inputs if transposed else gradient)
    if operation in (aten.mm, aten.bmm):
        return _product(args[0], args[1])
    if operation in (aten.addmm, aten.baddbmm):
        return _product(args[1], args[2])
    return 0


def _convolution(inputs: torch.Tensor, weight: torch.Tensor, places: torch.Tensor) -> int:
    """Every weight is used once for each image and each place of the kernel."""
    count: int = 2 * weight.numel() * inputs.shape[0] * math.prod(places.shape[2:])
    return count


def _product(a: torch.Tensor, b: torch.Tensor) -> int:
    return 2 * a.numel() * int(b.shape[-1])
