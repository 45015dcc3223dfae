"""Small perturbations that a network cannot stand: one step (Goodfellow et al. 2015) or many (Madry et al. 2018)."""

from collections.abc import Callable

import torch

from models.compute.draws import Draws

__all__ = ["fgsm", "pgd"]

Score = Callable[[torch.Tensor], torch.Tensor]
RATE = 2.5  # the steps of PGD together can cross the ball this many times over


def fgsm(images: torch.Tensor, score: Score, epsilon: float) -> torch.Tensor:
    """`images` in [-1, 1], each pixel moved by `epsilon` the way that raises `score` (N,) fastest."""
    start = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score(start).sum(), start)
    return (images + epsilon * gradient.sign()).clamp(-1, 1).detach()


def pgd(images: torch.Tensor, score: Score, epsilon: float, steps: int, draws: Draws) -> torch.Tensor:
    """`images` in [-1, 1] moved, within `epsilon` of where they were, to where `score` (N,) is high; random start."""
    start = draws.uniform(-epsilon, epsilon, *images.shape[1:])
    moved = (images + start).clamp(-1, 1)
    for _ in range(steps):
        moved = fgsm(moved, score, RATE * epsilon / steps)
        moved = (images + (moved - images).clamp(-epsilon, epsilon)).clamp(-1, 1)
    return moved
