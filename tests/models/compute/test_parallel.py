"""Two processes on half a batch each against one on the whole of it, for every family and with compression."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.models.compute.shared_training import TRAININGS

PROGRAM = Path(__file__).with_name("shared_training.py")
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
# Sums in another order differ by some 1e-7 a step; Adam divides by the gradients' size, so where a gradient is
# almost zero its sign may differ, and a weight by two learning rates at most.
RELATIVE_TOLERANCE = 1e-3
# Of a tensor that starts at zero, as biases do, one such weight may be most of the norm: a third of a learning rate.
ABSOLUTE_TOLERANCE = {"projected": 1e-4}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    alone, shared = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("shared")
    root = PROGRAM.parents[3]
    for command in ([str(PROGRAM), str(alone)], [*TORCHRUN, str(PROGRAM), str(shared)]):
        program = [sys.executable, *command]
        done = subprocess.run(program, env={"PYTHONPATH": str(root), "PATH": ""}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return alone, shared


@pytest.mark.parametrize("name", TRAININGS)
def test_two_processes_end_in_the_weights_of_one(folders: tuple[Path, Path], name: str) -> None:
    alone, shared = (load_file(folder / f"{name}-0.st") for folder in folders)
    assert alone.keys() == shared.keys()
    absolute = ABSOLUTE_TOLERANCE.get(name, 1e-6)
    for key, weights in alone.items():
        if key.split(".")[0] in ("generator", "discriminator", "encoder", "compressor", "ema"):
            difference = (shared[key].double() - weights.double()).norm()
            assert difference <= RELATIVE_TOLERANCE * weights.double().norm() + absolute, key


@pytest.mark.parametrize("name", TRAININGS)
def test_both_processes_hold_the_same_state(folders: tuple[Path, Path], name: str) -> None:
    first, second = (load_file(folders[1] / f"{name}-{rank}.st") for rank in (0, 1))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_both_see_the_same_losses_and_strength(folders: tuple[Path, Path]) -> None:
    alone, shared = (json.loads((folder / "rows.json").read_text()) for folder in folders)
    assert len(alone) == len(shared) == 2 * len(TRAININGS)
    for ours, theirs in zip(alone, shared, strict=True):
        assert theirs["loss_g"] == pytest.approx(ours["loss_g"], rel=1e-3)
        assert theirs.keys() == ours.keys()
        if ours["family"] != "vae":
            assert theirs["augment_strength"] == pytest.approx(ours["augment_strength"], abs=1e-6)
