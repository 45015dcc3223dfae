"""`make bench-training`: images a second of our engine, of a plain PyTorch loop, and of ours in two processes.

All take turns in one run, each in a process of its own, and the best of three counts: the networks and the batch are
the same. On a GPU the widths are the presets' and the share of its peak is given as well.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.collections.sharded import sharded
from benchmarks.harness.page import table, write_page
from models.compute.parallel import World
from models.networks.families import NetworkSpec
from models.training.config import TrainConfig
from models.training.state import TrainState
from models.training.steps import take_step

ROUNDS = 3
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
#        family   width on a CPU, on a GPU, batch on a CPU, on a GPU, steps on a CPU, on a GPU
CASES = (("dcgan", 32, 64, 32, 256, 60, 300), ("r3", 32, 768, 32, 256, 12, 60))


def main() -> None:
    """Run every case and write the table."""
    manifest = sharded("emoji", 64, "emoji-64").uri
    gpu = torch.cuda.is_available()
    rows = []
    for family, *settings in CASES:
        width, batch, steps = settings[gpu::2]
        rows += compare(family, width, batch, steps, manifest)
        print(rows, flush=True)
    head = ["networks", "loop", "images/s", "against plain", "waiting for data", "GFLOP an image", "GFLOP/s"]
    title = "Training: our engine beside a plain loop"
    where = torch.cuda.get_device_name() if gpu else "CPU"
    write_page("training", title, "make bench-training", table(head, rows), ran=where)


def compare(family: str, width: int, batch: int, steps: int, manifest: str) -> list[list[str]]:
    """The rows of one case; the loops take turns, the best round of each counts."""
    arguments = [family, str(width), str(batch), str(steps), manifest]
    commands = {
        "plain": ["-m", "benchmarks.training.plain", *arguments],
        "ours": ["-m", "benchmarks.training.ours", *arguments],
        "ours, 2 processes": [*TORCHRUN, "-m", "benchmarks.training.ours", *arguments],
    }
    if torch.cuda.is_available() and torch.cuda.device_count() < 2:
        del commands["ours, 2 processes"]
    best: dict[str, dict[str, float]] = {}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            found = measure(command)
            if found["images_per_second"] > best.get(name, {}).get("images_per_second", 0):
                best[name] = found
    work = flops(family, width, batch) / batch / 1e9
    plain = best["plain"]["images_per_second"]
    return [
        [
            f"{family}-64, width {width}, batch {batch}",
            name,
            f"{found['images_per_second']:.1f}",
            f"{found['images_per_second'] / plain:.2f}",
            f"{found['data_share']:.2%}",
            f"{work:.2f}",
            f"{work * found['images_per_second']:.0f}",
        ]
        for name, found in best.items()
    ]


def measure(command: list[str]) -> dict[str, float]:
    """What the loop printed."""
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    done = subprocess.run([sys.executable, *command], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def flops(family: str, width: int, batch: int) -> int:
    """Floating-point operations of one step, as torch counts them on two images."""
    spec = NetworkSpec(family=family, resolution=64, channels=3, num_classes=10, latent_dim=64, width=width)
    state = TrainState(spec, torch.device("cpu"))
    config = TrainConfig.model_validate({"family": family, "batch_size": batch})
    images, labels = torch.zeros(2, 3, 64, 64, dtype=torch.uint8), torch.zeros(2, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        take_step(state, config, images, labels, World())
    return counter.get_total_flops() * batch // 2


if __name__ == "__main__":
    main()
