"""Convolutions whose derivatives of every order are one library call each.

PyTorch differentiates the backward pass of a grouped convolution by a loop over the groups, one small convolution at a
time. Gradient penalties need that second derivative: a step of r3-64 took 3,570 convolutions on a GPU. The three
operations here are closed under differentiation: the convolution y(x, w), and the gradients of <y(x, w), dy> with
respect to x and to w, where <., .> is the sum over all products. <y(x, w), dy> is linear in each of its three
arguments. So the derivative of each operation with respect to each of its arguments is one of the other two.

On a CPU, PyTorch's own second derivative is faster and is kept.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.overrides import TorchFunctionMode


class Geometry(NamedTuple):
    """Strides and paddings by axis, and the number of groups. The dilation is 1."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    groups: int


def closed_convolutions(device: torch.device) -> AbstractContextManager[object]:
    """The context for a discriminator whose gradient is differentiated again. It does nothing on a CPU."""
    return ClosedConvolutions() if device.type == "cuda" else nullcontext()


class ClosedConvolutions(TorchFunctionMode):
    """Replaces conv2d and conv_transpose2d by the closed operations, in every network that is called in this context.

    Raises ValueError for a dilation other than 1 and for padding by name. No network here uses them.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.conv2d:
            return _conv2d(*args, **(kwargs or {}))
        if func is torch.conv_transpose2d:
            return _conv_transpose2d(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    geometry = _geometry(stride, padding, dilation, groups)
    x, w = _autocast(input, weight)
    return _with_bias(_run(_Convolve, x, w, geometry), bias)


def _conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    geometry = _geometry(stride, padding, dilation, groups)
    x, w = _autocast(input, weight)
    extra = _pair(output_padding)
    sides = [
        (x.shape[2 + axis] - 1) * geometry.stride[axis] - 2 * geometry.padding[axis] + w.shape[2 + axis] + extra[axis]
        for axis in (0, 1)
    ]
    shape = torch.Size([len(x), w.shape[1] * groups, *sides])
    return _with_bias(_run(_ByInput, x, w, shape, geometry), bias)


def _geometry(stride: Any, padding: Any, dilation: Any, groups: int) -> Geometry:
    if isinstance(padding, str) or _pair(dilation) != (1, 1):
        raise ValueError(f"dilation is {dilation} and padding {padding!r}: expected dilation 1 and padding in pixels")
    return Geometry(_pair(stride), _pair(padding), groups)


def _pair(value: Any) -> tuple[int, int]:
    one, *more = (value,) if isinstance(value, int) else value
    return (one, more[0] if more else one)


def _autocast(*tensors: Tensor) -> list[Tensor]:
    """Cast tensors as autocast does before a convolution. Autocast itself does not act inside a Function."""
    kind = tensors[0].device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
    return [one.to(dtype) if dtype and one.dtype == torch.float32 else one for one in tensors]


def _with_bias(y: Tensor, bias: Tensor | None) -> Tensor:
    return y if bias is None else y + bias.to(y.dtype)[:, None, None]


def _run(operation: type[Function], *arguments: Any) -> Tensor:
    result: Tensor = operation.apply(*arguments)  # type: ignore[no-untyped-call]
    return result


class _Convolve(Function):
    """y(x, w): x (N, C, H, W) and w (D, C / groups, K, L) give (N, D, H', W')."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, g: Geometry) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.geometry = g
        return torch.ops.aten.convolution(x, w, None, g.stride, g.padding, (1, 1), False, (0, 0), g.groups)  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        (dy,), (x, w), g = gradients, ctx.saved_tensors, ctx.geometry
        by_x = _run(_ByInput, dy, w, x.shape, g) if ctx.needs_input_grad[0] else None
        by_w = _run(_ByWeight, x, dy, w.shape, g) if ctx.needs_input_grad[1] else None
        return by_x, by_w, None


class _ByInput(Function):
    """The gradient of <y(x, w), dy> with respect to x, of shape `shape`: a transposed convolution of dy."""

    @staticmethod
    def forward(ctx: Any, dy: Tensor, w: Tensor, shape: torch.Size, g: Geometry) -> Tensor:
        ctx.save_for_backward(dy, w)
        ctx.geometry = g
        # With a stride above 1, several input sides give the same output side. The extra padding selects `shape`.
        extra = [
            shape[2 + axis] + 2 * g.padding[axis] - (dy.shape[2 + axis] - 1) * g.stride[axis] - w.shape[2 + axis]
            for axis in (0, 1)
        ]
        return torch.ops.aten.convolution(dy, w, None, g.stride, g.padding, (1, 1), True, extra, g.groups)  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        (d,), (dy, w), g = gradients, ctx.saved_tensors, ctx.geometry
        by_dy = _run(_Convolve, d, w, g) if ctx.needs_input_grad[0] else None
        by_w = _run(_ByWeight, d, dy, w.shape, g) if ctx.needs_input_grad[1] else None
        return by_dy, by_w, None, None


class _ByWeight(Function):
    """The gradient of <y(x, w), dy> with respect to w, of shape `shape`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dy: Tensor, shape: torch.Size, g: Geometry) -> Tensor:
        ctx.save_for_backward(x, dy)
        ctx.geometry = g
        weight = x.new_empty(1).expand(shape)  # only its shape is used
        only_weight = [False, True, False]
        found = torch.ops.aten.convolution_backward(
            dy, x, weight, None, g.stride, g.padding, (1, 1), False, (0, 0), g.groups, only_weight
        )
        return found[1]  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        (d,), (x, dy), g = gradients, ctx.saved_tensors, ctx.geometry
        by_x = _run(_ByInput, dy, d, x.shape, g) if ctx.needs_input_grad[0] else None
        by_dy = _run(_Convolve, x, d, g) if ctx.needs_input_grad[1] else None
        return by_x, by_dy, None, None
