"""What an optimiser has gathered comes back in the layout of the weights it belongs to."""

import torch

from models.compute.optimizers import laid_out_like, optimizer_tensors, restore_optimizer


def make() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 2, 3))
    network.to(memory_format=torch.channels_last)
    return network, torch.optim.Adam(network.parameters())


def test_moments_that_were_saved_contiguous_get_back_their_layout() -> None:
    network, optimizer = make()
    network(torch.ones(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    other, restored = make()
    restore_optimizer(restored, {name: value.contiguous() for name, value in optimizer_tensors(optimizer).items()})
    for ours, theirs in zip(network.parameters(), other.parameters(), strict=True):
        for slot in ("exp_avg", "exp_avg_sq"):
            assert restored.state[theirs][slot].stride() == theirs.stride()
            assert torch.equal(restored.state[theirs][slot], optimizer.state[ours][slot])


def test_a_tensor_that_fits_is_left_alone() -> None:
    weights = torch.zeros(4, 3, 5, 5).to(memory_format=torch.channels_last)
    fits, step = torch.ones_like(weights), torch.tensor(7.0)
    assert laid_out_like(fits, weights) is fits
    assert laid_out_like(step, weights) is step
    moved = laid_out_like(torch.arange(300.0).view(4, 3, 5, 5), weights)
    assert moved.stride() == weights.stride()
    assert torch.equal(moved, torch.arange(300.0).view(4, 3, 5, 5))
