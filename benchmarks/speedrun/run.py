"""One attempt: train until the target is reached, with the clock stopped while a checkpoint is scored."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness.scoring import score_checkpoint
from benchmarks.harness.training import network
from benchmarks.speedrun.task import SCORE, Task
from models.compute.device import select_device
from models.networks.families import NetworkSpec
from models.training.checkpoints import CheckpointStore
from models.training.config import TrainConfig
from models.training.io import RecordingIO, TrainingInputs
from models.training.loop import train
from shards import Split
from shards.storage.files import write_atomically

Attempt = dict[str, Any]


class OneTick(RecordingIO):
    """Stops a training after its first tick."""

    def should_stop(self) -> bool:
        return bool(self.rows)


def attempt(task: Task, config: TrainConfig, folder: Path) -> Attempt:
    """Train until the target or the most images are reached; goes on where it was stopped.

    The state holds the seconds on the clock, the device, and each score with its images and seconds. The clock is the
    CPU time of this process on a CPU and the time of day on a GPU. It includes decoding the images, and building and
    loading the networks, which happens again after each score.
    """
    dataset = task.open_dataset()
    path, store = folder / "attempt.json", CheckpointStore(folder / "checkpoints", config.keep_checkpoints)
    device = select_device(config.compute.device)
    split: Split | None = None
    state: Attempt = {"seconds": 0.0, "device": "CPU", "curve": []}
    if path.exists():
        state = json.loads(path.read_text())
    while not is_over(state, task):
        known = state["curve"][-1]["nimg"] if state["curve"] else 0
        for checkpoint in store.committed():  # one that was written before the process died, and is not in the state
            if int(checkpoint.name) > known:
                shutil.rmtree(checkpoint)
        began = clock(device)
        split = split or dataset.open_split("train")
        run_tick(config, network(config, dataset), split, store)
        state["seconds"] += clock(device) - began
        state["device"] = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        newest = store.committed()[-1]
        scored = score_checkpoint(newest, network(config, dataset), dataset, task.protocol)
        point = {"nimg": scored["nimg"], "seconds": state["seconds"], SCORE: scored["scores"][SCORE]}
        state["curve"].append(point)
        write_atomically(path, json.dumps(state, indent=1))
        print(point, flush=True)
    return state


def run_tick(config: TrainConfig, spec: NetworkSpec, split: Split, store: CheckpointStore) -> None:
    """Train from the newest checkpoint to the next tick, and write a checkpoint there."""
    inputs = TrainingInputs(lambda start: split.batches(config.batch_size, seed=config.seed, start_nimg=start))
    train(config, spec, inputs, store, OneTick())


def is_over(state: Attempt, task: Task) -> bool:
    """Whether the target is reached, or all images are seen."""
    return bool(state["curve"]) and (reached(state, task) or state["curve"][-1]["nimg"] >= task.most)


def reached(state: Attempt, task: Task) -> bool:
    """Whether the newest score reaches the target."""
    return bool(state["curve"][-1][SCORE] <= task.target)


def clock(device: torch.device) -> float:
    """Seconds: of the time of day on a GPU, else of this process's CPU time, which other programs do not change."""
    return time.perf_counter() if device.type == "cuda" else time.process_time()
