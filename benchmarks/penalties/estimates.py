"""How good finite differences are on a trained discriminator: their error by step, and the noise that they add."""

from typing import Any

import torch

from benchmarks.harness.rows import Row, kept
from benchmarks.harness.training import network
from benchmarks.penalties.arms import Arm
from benchmarks.penalties.training import FOLDER
from models.compute.draws import Draws
from models.grids import to_float
from models.objectives.losses import difference_penalty, gradient_penalty, relativistic_loss
from models.training.checkpoints import CheckpointStore, load_checkpoint
from models.training.config import TrainConfig
from models.training.state import TrainState
from shards import Dataset

STEPS = (0.0001, 0.001, 0.01, 0.03, 0.1, 0.3)
PRECISIONS = {"float32": None, "TF32": 10, "bfloat16": 7}  # bits of the mantissa
NUM_IMAGES = 64
NUM_ROUNDS = 12


def measure_estimates(collection: str, dataset: Dataset, nimg: int) -> Row | None:
    """Both measurements, at the checkpoint of the exact training of seed 0. None if it is not there yet."""
    arm = Arm(collection, "exact", 0)
    store = CheckpointStore(FOLDER / arm.slug / "checkpoints")
    path = store.path(nimg)
    if path not in store.committed():
        return None
    config = arm.config(nimg)
    state = TrainState(network(config, dataset), torch.device("cpu"))
    state.restore(load_checkpoint(path))
    measure = lambda: {"errors": errors(state, dataset), "noise": noise(state, config, dataset)}  # noqa: E731
    return kept(FOLDER / f"estimates-{collection}-{nimg}.json", measure)


def real_images(dataset: Dataset, number: int, start: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images in [-1, 1] and labels from the train split."""
    images, labels = next(dataset.open_split("train").batches(number, seed=1, start_nimg=start))
    return to_float(torch.as_tensor(images)), torch.as_tensor(labels)


def errors(state: TrainState, dataset: Dataset) -> list[dict[str, Any]]:
    """The error of (D(x + e v) - D(x - e v)) / (2 e) against g.v in float64: root mean squares over real images.

    And the mean square of the first over that of the second, which would be 1 without bias.

    TF32 and bfloat16 are imitated: weights and the inputs of each convolution and product are rounded to their bits.
    """
    images, labels = real_images(dataset, NUM_IMAGES, 0)
    direction = Draws((1,), state.device, NUM_IMAGES).normal(*images.shape[1:])
    exact = state.discriminator.double()
    pixels = images.double().requires_grad_()
    (gradient,) = torch.autograd.grad(exact(pixels, labels).sum(), pixels)
    slopes = (gradient * direction).flatten(1).sum(1)
    judge = state.discriminator.float()
    found = []
    for step in STEPS:
        row: dict[str, Any] = {"step": step}
        for name, bits in PRECISIONS.items():
            with torch.no_grad(), Rounded(bits):
                ahead, behind = (judge(images + sign * step * direction, labels) for sign in (1, -1))
            difference = (ahead.double() - behind.double()) / (2 * step)
            row[name] = float(((difference - slopes).square().mean() / slopes.square().mean()).sqrt())
            row[f"{name} penalty"] = float(difference.square().mean() / slopes.square().mean())
        found.append(row)
    return found


class Rounded(torch.overrides.TorchFunctionMode):
    """Rounds the factors of convolutions and products to so many bits after the leading one. None: not at all."""

    def __init__(self, bits: int | None) -> None:
        super().__init__()
        self.bits = bits

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        products = (torch.conv2d, torch.nn.functional.linear)
        if self.bits is not None and func in products:
            args = tuple(rounded(one, self.bits) if isinstance(one, torch.Tensor) else one for one in args)
        return func(*args, **(kwargs or {}))


def rounded(values: torch.Tensor, bits: int) -> torch.Tensor:
    """`values` with so many bits after the leading one."""
    mantissa, exponent = torch.frexp(values)
    return torch.ldexp((mantissa * 2 ** (bits + 1)).round() / 2 ** (bits + 1), exponent)


def noise(state: TrainState, config: TrainConfig, dataset: Dataset) -> dict[str, float]:
    """The noise in the discriminator's gradient, by its source, as a share of the norm of the mean gradient.

    `batch`: another batch of images gives another gradient, with exact penalties. `differences`: on the same images,
    other random directions give another one. `penalties`: the gradient of the exact penalties alone.
    """
    rounds = [one_round(state, config, dataset, number) for number in range(NUM_ROUNDS)]
    losses, exact, estimated = (torch.stack(parts) for parts in zip(*rounds, strict=True))
    gradients = losses + exact
    scale = gradients.mean(0).norm()
    return {
        "batch": float(gradients.var(0).sum().sqrt() / scale),
        "differences": float((estimated - exact).square().sum(1).mean().sqrt() / scale),
        "penalties": float(exact.mean(0).norm() / scale),
    }


def one_round(state: TrainState, config: TrainConfig, dataset: Dataset, number: int) -> list[torch.Tensor]:
    """The gradients of the loss, the exact penalties and the estimated ones with respect to the weights, as vectors."""
    images, labels = real_images(dataset, config.batch_size, number * config.batch_size)
    draws = Draws((2, number), state.device, config.batch_size)

    def judge(pixels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = state.discriminator(pixels, labels)
        return logits

    def estimate(pixels: torch.Tensor) -> torch.Tensor:
        return difference_penalty(judge, pixels, draws.normal(*pixels.shape[1:]), config.penalty.step)

    with torch.no_grad():
        made = state.generator(draws.normal(state.spec.latent_dim), labels)
    sides = [images.requires_grad_(), made.requires_grad_()]
    real_logits, fake_logits = logits = [judge(side) for side in sides]
    exact = torch.stack([gradient_penalty(one, side) for one, side in zip(logits, sides, strict=True)]).sum()
    estimated = torch.stack([estimate(side.detach()) for side in sides]).sum()
    parts = [relativistic_loss(real_logits, fake_logits), config.gamma / 2 * exact, config.gamma / 2 * estimated]
    weights = state.parameters("discriminator")
    found = [torch.autograd.grad(one, weights, retain_graph=True, allow_unused=True) for one in parts]
    zeros = [torch.zeros_like(weight) for weight in weights]
    return [
        torch.cat([(zero if one is None else one).flatten() for one, zero in zip(gradients, zeros, strict=True)])
        for gradients in found
    ]
