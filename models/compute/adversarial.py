"""Adversarial perturbations: the fast gradient sign method and projected gradient descent."""

from collections.abc import Callable

import torch

Score = Callable[[torch.Tensor], torch.Tensor]


def fgsm(images: torch.Tensor, score: Score, epsilon: float) -> torch.Tensor:
    """Move each pixel of `images` in [-1, 1] by `epsilon` in the direction that raises `score` (N,) fastest.

    Goodfellow et al. 2015.
    """
    start = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score(start).sum(), start)
    return (images + epsilon * gradient.sign()).clamp(-1, 1).detach()


def pgd(
    images: torch.Tensor, score: Score, noise: torch.Tensor, *, epsilon: float, steps: int, step_size: float
) -> torch.Tensor:
    """Move `images` in [-1, 1] by at most `epsilon` for each pixel, to where `score` (N,) is high.

    `noise` is the random start, within `epsilon` of 0. Madry et al. 2018, section 2.1.
    """
    moved = (images + noise).clamp(-1, 1)
    for _ in range(steps):
        moved = fgsm(moved, score, step_size)
        moved = (images + (moved - images).clamp(-epsilon, epsilon)).clamp(-1, 1)
    return moved
