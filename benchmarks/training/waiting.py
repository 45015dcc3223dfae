"""How long a training step takes while its threads spin or sleep: `python -m benchmarks.training.waiting`.

Run it on an idle machine, and again beside another program that uses a core: the difference is what it is about.
Each way runs in a process of its own, because libgomp reads its settings once. Results are in
benchmarks/results/waiting-threads.md.
"""

import os
import subprocess
import sys
import time

import torch

from models.compute.parallel import World
from models.networks.families import NetworkSpec
from models.training.config import TrainConfig
from models.training.state import TrainState
from models.training.steps.step import take_step
from tasks.home import SPINS

ROUNDS, WARM_UP, SECONDS = 3, 5, 8.0
BATCH, SIDE = 64, 32
LIBGOMP_SPINS = "300000"


def main() -> None:
    """Measure both ways in turns, with two threads."""
    for _ in range(ROUNDS):
        for spins in (LIBGOMP_SPINS, SPINS):
            command = [sys.executable, "-m", "benchmarks.training.waiting", "--once"]
            done = subprocess.run(
                command, env=os.environ | {"GOMP_SPINCOUNT": spins}, stdout=subprocess.PIPE, check=True
            )
            print(f"{spins:>7} spins: {done.stdout.decode().strip()}; load {os.getloadavg()[0]:.1f}", flush=True)


def measure() -> None:
    """Print milliseconds of one step of a small dcgan."""
    torch.set_num_threads(2)
    spec = NetworkSpec(family="dcgan", resolution=SIDE, channels=3, num_classes=0, latent_dim=64, width=32)
    config = TrainConfig.model_validate({"family": "dcgan", "batch_size": BATCH})
    state = TrainState(spec, torch.device("cpu"))
    images = torch.randint(0, 256, (BATCH, 3, SIDE, SIDE), dtype=torch.uint8)
    labels = torch.zeros(BATCH, dtype=torch.long)
    for _ in range(WARM_UP):
        take_step(state, config, images, labels, World())
    count, began, used = 0, time.monotonic(), time.process_time()
    while time.monotonic() - began < SECONDS:
        take_step(state, config, images, labels, World())
        count += 1
    wall, cpu = time.monotonic() - began, time.process_time() - used
    print(f"{1000 * wall / count:.0f} ms a step, {1000 * cpu / count:.0f} ms of CPU time")


if __name__ == "__main__":
    measure() if "--once" in sys.argv else main()
