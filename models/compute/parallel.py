"""Data-parallel training: each process takes its share of every batch, and gradients are averaged.

It uses plain all-reduce and no wrapper around the networks, because wrappers do not support gradients of gradients.
Two processes under `torchrun`, each with half a batch, compute the same as one process with the whole batch, except
for the rounding of sums in another order.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from models.errors import PeerLostError


class World:
    """The processes of one training, seen from one of them. Without `join` there is one process."""

    def __init__(self, rank: int = 0, size: int = 1, control: dist.ProcessGroup | None = None) -> None:
        self.rank = rank
        self.size = size
        self._control = control

    @classmethod
    def join(cls, device: torch.device) -> "World":
        """Join the other processes that torchrun started; without torchrun, stay alone.

        Raises PeerLostError if one of them is lost before all have joined.
        """
        if "RANK" not in os.environ:
            return cls()
        with peers_expected():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
            # Flags are exchanged on the CPU: reading one back from a GPU would make every step wait for it.
            return cls(dist.get_rank(), dist.get_world_size(), dist.new_group(backend="gloo"))

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def average(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The mean of each tensor over all processes, in one exchange."""
        if self.size == 1:
            return list(tensors)
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with peers_expected():
            dist.all_reduce(flat)
        parts = torch.split(flat / self.size, [tensor.numel() for tensor in tensors])
        return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The mean of one tensor over all processes, without gradient."""
        return self.average([value.detach()])[0]

    def any(self, flag: bool) -> bool:
        """Whether the flag is True in any process; every process gets the same answer."""
        if self.size == 1:
            return flag
        raised = torch.tensor(int(flag))
        with peers_expected():
            dist.all_reduce(raised, op=dist.ReduceOp.MAX, group=self._control)
        return bool(raised)

    def is_same(self, number: int) -> bool:
        """Whether all processes call this with the same number; every process gets the same answer."""
        if self.size == 1:
            return True
        extremes = torch.tensor([number, -number])
        with peers_expected():
            dist.all_reduce(extremes, op=dist.ReduceOp.MAX, group=self._control)
        return int(extremes[0]) == -int(extremes[1])

    def wait(self) -> None:
        """Return when all processes have called this."""
        self.any(False)

    def close(self) -> None:
        """Leave the group of processes."""
        if self.size > 1:
            dist.destroy_process_group()


@contextmanager
def peers_expected() -> Iterator[None]:
    """Raise PeerLostError in place of the errors that the backends raise when another process is gone."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise PeerLostError(
            f"another process of this training is gone ({error}): see its output, and start the training again"
        ) from error


class _MeanOverWorld(torch.autograd.Function):
    """The mean of a tensor over all processes. Backward, the gradient is averaged in the same way."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.clone()
        with peers_expected():
            dist.all_reduce(tensor)
        return tensor / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        gradient = gradients[0].clone()
        with peers_expected():
            dist.all_reduce(gradient)
        return gradient / dist.get_world_size()


class SharedBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm over the images of all processes. torch's SyncBatchNorm does not run on a CPU."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(x)
        moments = torch.stack([x.float().mean(dim=(0, 2, 3)), x.float().square().mean(dim=(0, 2, 3))])
        mean, square = _MeanOverWorld.apply(moments)  # type: ignore[no-untyped-call]
        variance = (square - mean.square()).clamp(min=0)
        self._follow(mean.detach(), variance.detach(), x.numel() // x.shape[1] * dist.get_world_size())
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        normalised: torch.Tensor = x * scale[:, None, None] + shift[:, None, None]
        return normalised

    @torch.no_grad()
    def _follow(self, mean: torch.Tensor, variance: torch.Tensor, count: int) -> None:
        """Update the running statistics; the variance is the unbiased one, as in torch."""
        momentum = self.momentum if self.momentum is not None else 0.1
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * count / max(count - 1, 1), momentum)
        self.num_batches_tracked.add_(1)


def share_batch_norm(network: nn.Module) -> None:
    """Make every BatchNorm2d in `network` use the images of all processes. Weights and names stay."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm2d
