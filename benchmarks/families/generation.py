"""What a trained generator costs whoever uses it: the size of its weights, and images a second."""

import time
from typing import NamedTuple

import torch
from safetensors.torch import save
from torch import nn

from models.networks.families import NetworkSpec
from tasks.registry.packaging.generator_pyfunc import BLOCK_SIZE

ROUNDS = 50  # short ones: on a busy machine some of them have a core for themselves
SECONDS = 0.1


class Cost(NamedTuple):
    """Bytes of weights.safetensors, and images a second in the blocks that the registered model works in."""

    weights_bytes: int
    generated_per_second: float


def measure_generators(specs: list[NetworkSpec]) -> list[Cost]:
    """Measure generators side by side: they take turns, and the best of ROUNDS counts. Weights do not matter to it."""
    generators = [spec.build_networks()["generator"].eval() for spec in specs]
    best = [0.0] * len(specs)
    for _ in range(ROUNDS):
        for index, (generator, spec) in enumerate(zip(generators, specs, strict=True)):
            best[index] = max(best[index], images_per_second(generator, spec))
    sizes = [len(save(generator.state_dict())) for generator in generators]
    return [Cost(size, speed) for size, speed in zip(sizes, best, strict=True)]


@torch.no_grad()
def images_per_second(generator: nn.Module, spec: NetworkSpec) -> float:
    """One round: blocks of images for SECONDS, the first one not counted."""
    z = torch.randn(BLOCK_SIZE, spec.latent_dim)
    labels = torch.arange(BLOCK_SIZE) % spec.num_classes if spec.num_classes else None
    generator(z, labels)
    blocks, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        generator(z, labels)
        blocks += 1
    return blocks * BLOCK_SIZE / (time.perf_counter() - start)
