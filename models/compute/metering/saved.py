"""Counts the memory that autograd keeps for backward passes: nearly all that a training needs beside its weights."""

from collections.abc import Iterable
from types import TracebackType
from typing import Self

import torch


class SavedBytes:
    """Adds up in `total` the bytes of all tensors that are kept for a backward pass inside the `with` block.

    Tensors that share memory count once, and `known` tensors, such as weights, do not count. Graphs of backward passes
    (`create_graph`) count too. Tensors may be on the device meta, which allocates nothing.
    """

    def __init__(self, known: Iterable[torch.Tensor] = ()) -> None:
        # Tensors are kept, so that no later one gets the address of an earlier one.
        self._seen = {_address(tensor): tensor for tensor in known}
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._count, lambda tensor: tensor)
        self.total = 0

    def _count(self, tensor: torch.Tensor) -> torch.Tensor:
        if _address(tensor) not in self._seen:
            self._seen[_address(tensor)] = tensor.detach()
            self.total += tensor.untyped_storage().nbytes()
        return tensor

    def __enter__(self) -> Self:
        self._hooks.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hooks.__exit__(kind, error, trace)


def _address(tensor: torch.Tensor) -> int:
    address: int = tensor.untyped_storage()._cdata
    return address
