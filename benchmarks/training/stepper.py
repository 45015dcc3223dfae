"""Takes training steps on request: a case per line on standard input, JSON per line on standard output.

Uses only what models/ has had for long, because it runs with the models/ of older commits. See two_commits.py.
"""

import json
import sys
import time
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from models.compute.device import prepare
from models.compute.parallel import World
from models.networks.families import NetworkSpec
from models.training.config import TrainConfig
from models.training.loop import Tick, make_state
from models.training.steps import take_step

CPU = torch.device("cpu")
EVERYTHING = {"policy": "adaptive", "colour": 0.5, "cutout": 0.3}
NOTHING = {"policy": "fixed", "translation": 0, "scale": 0}


class Case(NamedTuple):
    """One training, and the steps of one measurement."""

    family: str
    resolution: int
    width: int
    batch: int
    steps: int
    augment: dict[str, Any]


CASES = {
    "dcgan-32, width 16, batch 16": Case("dcgan", 32, 16, 16, 4, NOTHING),
    "dcgan-32, width 16, batch 16, augmented": Case("dcgan", 32, 16, 16, 4, EVERYTHING),
    "r3-16, width 16, batch 4": Case("r3", 16, 16, 4, 2, NOTHING),
    "r3-16, width 16, batch 4, augmented": Case("r3", 16, 16, 4, 2, EVERYTHING),
}


class Counter(TorchDispatchMode):
    """Counts the operators that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


class Training:
    """The training of one case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        compute = {"device": "cpu", "threads": 1}
        self.config = TrainConfig.model_validate(
            {"family": case.family, "batch_size": case.batch, "augment": case.augment, "compute": compute}
        )
        prepare(self.config.compute, CPU)
        spec = NetworkSpec(
            family=case.family, resolution=case.resolution, channels=3, num_classes=2, latent_dim=16, width=case.width
        )
        self.state = make_state(self.config, spec, CPU, World())
        shape = (case.batch, 3, case.resolution, case.resolution)
        self.images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        self.tick = Tick(0, device=CPU)
        self.take(2)

    def take(self, steps: int) -> None:
        labels = torch.arange(self.case.batch) % 2
        for _ in range(steps):
            self.tick.add(take_step(self.state, self.config, self.images, labels, World()))
            self.state.nimg += self.case.batch

    def milliseconds(self) -> float:
        """CPU time of one step."""
        began = time.process_time()
        self.take(self.case.steps)
        return 1e3 * (time.process_time() - began) / self.case.steps

    def operators(self) -> int:
        """Operators that one step calls."""
        with Counter() as counter:
            self.take(1)
        return counter.count


def main() -> None:
    trainings = {name: Training(case) for name, case in CASES.items()}
    for line in sys.stdin:
        question = line.strip()
        if question == "operators":
            answer: Any = {name: training.operators() for name, training in trainings.items()}
        else:
            answer = trainings[question].milliseconds()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
