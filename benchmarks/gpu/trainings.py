"""Small and large trainings for the parts: settings, batches of noise, and steps whose time is taken."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.sizes import Case
from models.compute.device import prepare
from models.compute.parallel import World
from models.networks.families import NetworkSpec
from models.training.config import TrainConfig
from models.training.loop import Tick, make_state
from models.training.state import TrainState
from models.training.steps.recorded import Step, make_step

CLASSES = 10
AUGMENTED = {"policy": "adaptive", "translation": 0.125, "scale": 0.1, "colour": 0.5, "cutout": 0.3}
PLAIN = {"policy": "fixed", "translation": 0.0, "scale": 0.0, "colour": 0.0, "cutout": 0.0}


def device_of(name: str) -> torch.device:
    return torch.device("cuda", 0) if name == "cuda" else torch.device(name)


def settings(case: Case, device: str, others: Mapping[str, Any] | None = None, **compute: Any) -> TrainConfig:
    """The settings of one case. A constant schedule, so that steps can be recorded. `others` are settings of train."""
    given = dict(others or {})
    compute = given.pop("compute", {}) | compute
    return TrainConfig.model_validate(
        {
            "family": case.family,
            "batch_size": case.batch,
            "width": case.width,
            "nimg": 10**9,
            "schedule": {"kind": "constant"},
            "augment": AUGMENTED if case.augmented else PLAIN,
            "compute": {"device": device, "processes": 1, "threads": 1 if device == "cpu" else 0, **compute},
            **given,
        }
    )


def spec_of(case: Case) -> NetworkSpec:
    return NetworkSpec(
        family=case.family, resolution=case.resolution, channels=3, num_classes=CLASSES, latent_dim=64, width=case.width
    )


def noise(case: Case, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One batch of uint8 images and labels."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (case.batch, 3, case.resolution, case.resolution), dtype=np.uint8)
    return images, rng.integers(0, CLASSES, case.batch)


def endless(case: Case) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of noise that depend on their number alone."""
    number = 0
    while True:
        yield noise(case, number)
        number += 1


class Timed:
    """A training whose steps are taken one after another on one batch on the device."""

    def __init__(self, case: Case, device: str, others: Mapping[str, Any] | None = None, **compute: Any) -> None:
        self.case = case
        self.device = device_of(device)
        self.config = settings(case, device, others, **compute)
        prepare(self.config.compute, self.device)
        self.state: TrainState = make_state(self.config, spec_of(case), self.device, World())
        self.step: Step = make_step(self.state, self.config, World())
        self.batch = [torch.from_numpy(array).to(self.device) for array in noise(case, 0)]
        self.tick = Tick(0, device=self.device)

    def take(self, steps: int) -> None:
        """Take steps as the training loop does, without waiting for them."""
        for _ in range(steps):
            self.tick.add(self.step(*self.batch))
            self.state.nimg += self.case.batch

    def seconds(self, steps: int) -> float:
        """The seconds that so many steps take in all, until the device is done with them."""
        self.wait()
        began = time.perf_counter()
        self.take(steps)
        self.wait()
        return time.perf_counter() - began

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
