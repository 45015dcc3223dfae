"""Differentiable JPEG compression: libjpeg's encoder and decoder as matrix products.

It does the colour transform, chroma subsampling, DCT in blocks of 8x8, quantisation, and their inverses (ITU-T T.81;
JFIF for the colours; libjpeg's triangle filter to enlarge chroma). Values are rounded and clipped as in libjpeg. The
result equals what Pillow reads from a file that it wrote, to about one level of 255.

Backward, rounding counts as the identity (straight-through; Bengio et al. 2013). A value outside 0 to 255 passes only a
gradient that leads back into the range. Cubic surrogates (Shin & Song 2017) leak into coefficients that JPEG sets to
zero, and a discriminator would recognise generated images by that alone.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import torch

BLOCK = 8
Constant = tuple[float, ...] | tuple[tuple[float, ...], ...]


class Sampling(NamedTuple):
    """Pixels that one chroma sample stands for: (1, 1) is 4:4:4, (2, 1) is 4:2:2, (2, 2) is 4:2:0."""

    across: int
    down: int


_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def compress(
    images: torch.Tensor, tables: torch.Tensor, samplings: Sequence[Sampling], choice: torch.Tensor | None = None
) -> torch.Tensor:
    """Compress and decompress images (N, 1 or 3, H, W) in [-1, 1]; the result has the same shape.

    `tables` (N, 3, 8, 8) are the quantisation tables of each image for Y, Cb and Cr, from low to high frequencies.
    `choice` (N, len(samplings)) is 1 at the chroma sampling of each image and 0 elsewhere; it may be left out if there
    is only one. Gradients reach the images.
    """
    with full_precision():
        pixels = to_byte(images.float() * 127.5 + 127.5)
        if pixels.shape[1] == 1:
            return _through(pixels - 128, tables[:, :1], Sampling(1, 1)) / 127.5 - 1
        planes = to_byte(_mix(pixels, _TO_YCC) + _offset(pixels)) - 128
        luma = _through(planes[:, :1], tables[:, :1], Sampling(1, 1))
        chroma = [_through(planes[:, 1:], tables[:, 1:], sampling) for sampling in samplings]
        chosen = chroma[0] if choice is None else (choice.T[:, :, None, None, None] * torch.stack(chroma)).sum(dim=0)
        decoded = torch.cat([luma, chosen - 128], dim=1)
        return to_byte(_mix(decoded, _TO_RGB)) / 127.5 - 1


def transformed(planes: torch.Tensor) -> torch.Tensor:
    """DCT coefficients of planes (N, C, H, W) in blocks of 8x8, from low to high frequencies; sides multiples of 8."""
    with full_precision():
        rows, columns = (_axis(side, 1, planes.device).transform for side in planes.shape[2:])
        return rows @ planes @ columns.T


def _through(planes: torch.Tensor, tables: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Encode and decode planes (N, C, H, W) around 0; the result is in 0 to 255."""
    height, width = planes.shape[2:]
    rows, columns = _axis(height, sampling.down, planes.device), _axis(width, sampling.across, planes.device)
    samples = rows.shrink @ planes @ columns.shrink.T
    if sampling != (1, 1):
        samples = rounded(samples + _bias(sampling, samples))
    coefficients = rounded(8 * rows.transform @ samples @ columns.transform.T) / 8
    steps = tables.repeat(1, 1, coefficients.shape[2] // BLOCK, coefficients.shape[3] // BLOCK)
    coefficients = rounded(coefficients / steps) * steps
    decoded = to_byte(rows.transform.T @ coefficients @ columns.transform + 128)
    if sampling == (1, 1):
        return decoded[:, :, :height, :width]
    return rounded(rows.enlarge @ decoded @ columns.enlarge.T)


def _bias(sampling: Sampling, samples: torch.Tensor) -> torch.Tensor:
    """An offset before rounding: along a row, libjpeg rounds means that end in .5 alternately down and up."""
    down = {(2, 1): -0.2, (2, 2): -0.2}.get(sampling, 0.1)
    turns = torch.arange(samples.shape[3], device=samples.device) % 2 == 0
    return torch.where(turns, down, 0.1)


class _Axis(NamedTuple):
    """Matrices for one side of a plane: pixels to samples, samples to coefficients, samples to pixels."""

    shrink: torch.Tensor
    transform: torch.Tensor
    enlarge: torch.Tensor


@lru_cache(maxsize=64)
def _axis(side: int, factor: int, device: torch.device) -> _Axis:
    samples = -(-side // factor)
    padded = -(-samples // BLOCK) * BLOCK
    transform = torch.block_diag(  # type: ignore[no-untyped-call]
        *[_cosines()] * (padded // BLOCK)
    )
    matrices = (_shrink(side, factor, padded), transform, _enlarge(side, factor, padded))
    return _Axis(*(matrix.to(device, torch.float32) for matrix in matrices))


def _cosines() -> torch.Tensor:
    """The orthonormal DCT-II of 8 values, one frequency per row."""
    k = torch.arange(BLOCK, dtype=torch.float64)
    matrix = torch.cos((2 * k + 1) * k[:, None] * math.pi / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    matrix[0] /= math.sqrt(2)
    return matrix


def _shrink(side: int, factor: int, padded: int) -> torch.Tensor:
    """Means of `factor` pixels each, (padded, side). Beyond the edge the last pixel is repeated."""
    matrix = torch.zeros(padded, side, dtype=torch.float64)
    for sample in range(padded):
        for pixel in range(sample * factor, (sample + 1) * factor):
            matrix[sample, min(pixel, side - 1)] += 1 / factor
    return matrix


def _enlarge(side: int, factor: int, padded: int) -> torch.Tensor:
    """Samples to pixels, (side, padded). Factor 2: 3/4 of the nearest sample and 1/4 of the next; 1: a copy."""
    matrix = torch.zeros(side, padded, dtype=torch.float64)
    last = (side - 1) // factor
    for pixel in range(side):
        near = pixel // factor
        other = near + (1 if pixel % 2 else -1) if factor == 2 else near
        matrix[pixel, near] += 0.75
        matrix[pixel, min(max(other, 0), last)] += 0.25
    return matrix


def _mix(planes: torch.Tensor, matrix: tuple[tuple[float, ...], ...]) -> torch.Tensor:
    """Multiply the 3 channels of each pixel of planes (N, 3, H, W) by a matrix."""
    mixed = constant(matrix, planes.device) @ planes.flatten(2)
    return mixed.view_as(planes)


def _offset(planes: torch.Tensor) -> torch.Tensor:
    return constant((0.0, 128.0, 128.0), planes.device)[:, None, None]


@lru_cache(maxsize=64)
def constant(values: Constant, device: torch.device) -> torch.Tensor:
    """Numbers on a device. Copying them there at each use would make every step wait for a GPU."""
    return torch.tensor(values, device=device)


def _nearest(value: torch.Tensor) -> torch.Tensor:
    """Round to the nearest integer, halves away from zero as in libjpeg."""
    return torch.floor(value.abs() + 0.5).copysign(value)


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, value: torch.Tensor) -> torch.Tensor:
        return _nearest(value)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


class _ToByte(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, value: torch.Tensor) -> torch.Tensor:
        context.save_for_backward(value)
        return value.round().clamp(0, 255)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:
        (value,) = context.saved_tensors
        # Gradient descent must not move a value further outside: beyond the limit it changes nothing.
        away = ((value < 0) & (gradient > 0)) | ((value > 255) & (gradient < 0))
        return gradient.masked_fill(away, 0)


def rounded(value: torch.Tensor) -> torch.Tensor:
    """Round to the nearest integer; the gradient passes unchanged."""
    result: torch.Tensor = _Rounded.apply(value)  # type: ignore[no-untyped-call]
    return result


def to_byte(value: torch.Tensor) -> torch.Tensor:
    """Round to the nearest integer in 0 to 255. Outside this range, only a gradient that leads back passes."""
    result: torch.Tensor = _ToByte.apply(value)  # type: ignore[no-untyped-call]
    return result


@contextmanager
def full_precision() -> Iterator[None]:
    """Compute in float32, also where the networks use bfloat16 or TensorFloat-32: steps can be as small as 1/2048."""
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.autocast("cuda", enabled=False), torch.autocast("cpu", enabled=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed
