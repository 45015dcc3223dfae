"""The trainer: the program that the training task starts as a child, `python -m tasks.trainer.worker RUN_DIR`.

Here shards and models meet (and in tasks/trainer/scorer.py, its child): batches (tasks.trainer.batches) go into
models.training.loop. It writes to the run directory and nowhere else. On SIGTERM or SIGINT it finishes the
step, writes a checkpoint and sets status.json to `resumable`.

Where a step does not fit the memory, this program starts over, from the newest checkpoint and with half as many images
at once; only a new process has all of a GPU's memory back.

Where the run asks for several processes, this one becomes `torchrun`, which starts them; over several machines,
start `torchrun ... -m tasks.trainer.worker RUN_DIR` on each, with the run directory on a file system that all of them
see.
"""

import ctypes
import hashlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load

from models.compute.device import num_processes, select_device
from models.compute.parallel import World
from models.errors import CheckpointError, DivergedError, OutOfMemoryError, PeerLostError
from models.grids import real_grid
from models.training.checkpoints import CheckpointStore
from models.training.health import Event
from models.training.io import TrainingInputs
from models.training.loop import train
from shards import Dataset
from tasks.trainer.batches import Batches, open_data
from tasks.trainer.run_directory import SUPERVISOR_PID, RunDirectory, Status
from tasks.trainer.scoring import ChildScorer
from tasks.trainer.traces import training_codecs
from tasks.trainer.trusted import load_trusted

logger = logging.getLogger("tasks.trainer.worker")
PR_SET_PDEATHSIG = 1
MIN_REFERENCE = 2  # images that a quick score compares with
MIN_MICRO_BATCH = 2  # what BatchNorm needs


class MicroBatchHalved(Exception):
    """A step did not fit the memory, and half as many images at once have been settled on: start again."""


class StopFlag:
    """Set by the first SIGTERM or SIGINT; the loop looks at it between steps."""

    def __init__(self) -> None:
        self.reason = ""
        signal.signal(signal.SIGTERM, self._set)
        signal.signal(signal.SIGINT, self._set)

    def is_set(self) -> bool:
        return bool(self.reason)

    def _set(self, number: int, _frame: object) -> None:
        self.reason = f"told to stop by {signal.Signals(number).name}"


class RunDirectoryIO:
    """The training loop's TrainerIO: writes to the run directory and the log, and stops on a signal."""

    def __init__(self, run: RunDirectory, stop: StopFlag) -> None:
        self.run = run
        self.should_stop = stop.is_set
        self.picture = run.write_sample

    def report(self, row: dict[str, float]) -> None:
        self.run.append_stats(row)
        self.run.set_status("running", int(row["nimg"]))
        losses = "".join(f", {name} {value:.3f}" for name, value in row.items() if name.startswith("loss_"))
        logger.info("%s images%s", f"{int(row['nimg']):,}", losses)

    def snapshot(self, nimg: int, png: bytes) -> None:
        self.run.write_sample(f"{nimg:012d}", png)

    def notify(self, event: dict[str, Any]) -> None:
        self.run.append_stats(event)
        logger.warning(
            "%s at %s images: %s: %s", event["event"], f"{event['nimg']:,}", event["action"], event["reason"]
        )


def main(path: Path) -> None:
    """Train what PATH/config.json says until it is done, or until this process is told to stop."""
    run = RunDirectory(path)
    stop = StopFlag()
    if int(os.environ.get("RANK", "0")) > 0:
        train_in(run, stop)
        return
    with run.lock():
        run.set_status("running", stored_nimg(run))
        try:
            status = train_in(run, stop)
        except (PeerLostError, MicroBatchHalved):
            # The status stays at `running`, as if this process had died too: a new one goes on.
            raise
        except DivergedError as error:
            run.set_status("diverged", stored_nimg(run), str(error))
            raise
        except BaseException as error:
            run.set_status("failed", stored_nimg(run), f"{type(error).__name__}: {error}")
            raise
        run.set_status(status.state, status.nimg, status.reason)
        logger.info("%s at %s images %s", status.state, f"{status.nimg:,}", status.reason)


def train_in(run: RunDirectory, stop: StopFlag) -> Status:
    """Train in `run`; returns what status.json is to say."""
    config, train_config = run.config(), run.train_config()
    device = select_device(config.train.compute.device, int(os.environ.get("LOCAL_RANK", "0")))
    world = World.join(device)
    dataset = Dataset.open(config.manifest)
    data = open_data(
        run.data_config(),
        dataset,
        batch_size=config.train.batch_size,
        seed=config.train.seed,
        rank=world.rank,
        world_size=world.size,
        device=device,
        agree=world.any,
    )
    logger.info("%s@%s: %s", config.dataset, config.dataset_version[:12], data.describe())
    if world.is_main:
        run.settle_data_mode(data.mode)
        run.write_sample("real", real_grid(*data.preview(), config.network.num_classes))

    def open_batches(nimg: int) -> Batches:
        # Training goes on from `nimg`: ticks behind it belong to steps that will be done again.
        if world.is_main:
            run.cut_stats(nimg)
        return data.batches(nimg)

    checkpoints = CheckpointStore(run.checkpoints, config.train.keep_checkpoints)
    has_reference = dataset.num_samples("val") >= MIN_REFERENCE
    scorer = ChildScorer(run) if world.is_main and has_reference else None
    try:
        inputs = TrainingInputs(
            open_batches,
            start_weights(run, config.init_sha256),
            training_codecs(config.train, dataset),
            load_trusted(config.trusted) if config.trusted else None,
        )
        io = RunDirectoryIO(run, stop)
        state = train(train_config, config.network, inputs, checkpoints, io, scorer=scorer, world=world, device=device)
    except OutOfMemoryError as error:
        halve_micro_batch(run, error)
        raise MicroBatchHalved from error
    finally:
        if scorer:
            scorer.close()
    world.close()
    if state.health.stopped:
        return Status(state="done", nimg=state.nimg, reason=state.health.stopped)
    if state.nimg >= config.train.nimg and state.health.is_complete:
        return Status(state="done", nimg=state.nimg)
    return Status(state="resumable", nimg=state.nimg, reason=stop.reason)


def start_weights(run: RunDirectory, sha256: str) -> dict[str, torch.Tensor] | None:
    """The weights to start from, None where `sha256` is empty; raises CheckpointError where they are others."""
    if not sha256:
        return None
    content = run.init.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise CheckpointError(f"{run.init} is damaged: sha256 {found[:12]}, expected {sha256[:12]}")
    return load(content)


def halve_micro_batch(run: RunDirectory, error: OutOfMemoryError) -> None:
    """Settle on half the images at once that did not fit, and tell of it; raises `error` where they are too few."""
    size = max(MIN_MICRO_BATCH, error.num_images // 2)
    if size >= error.num_images:
        raise error
    if run.train_config().compute.micro_batch_size == size:
        return  # another process of this training was faster
    run.settle_micro_batch(size)
    run.append_stats(Event(stored_nimg(run), "out_of_memory", "halve", f"{error}; going on with {size}").row())
    logger.warning("%s; starting over with %s images at once", error, size)


def stored_nimg(run: RunDirectory) -> int:
    """Images seen at the newest finished checkpoint; 0 without one."""
    committed = CheckpointStore(run.checkpoints).committed()
    return int(committed[-1].name) if committed else 0


def start_again(path: Path) -> None:
    """Become a new trainer in this process's place; what was asked of Linux in `die_with_parent` holds for it too."""
    os.execv(sys.executable, [sys.executable, "-m", "tasks.trainer.worker", str(path)])


def become_torchrun(path: Path) -> None:
    """Where PATH/config.json asks for several processes: replace this one by the program that starts them.

    What was asked of Linux in `die_with_parent` holds for the new program too.
    """
    processes = num_processes(RunDirectory(path).config().train.compute)
    if processes > 1 and "RANK" not in os.environ:
        os.environ.pop(SUPERVISOR_PID, None)
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        os.execv(sys.executable, [sys.executable, *torchrun, "-m", "tasks.trainer.worker", str(path)])


def die_with_parent() -> None:
    """Ask Linux for a SIGTERM when the process that started this one dies, so that no trainer is left behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.environ.get(SUPERVISOR_PID, str(os.getppid())) != str(os.getppid()):
            sys.exit("the process that started this trainer has died already")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stdout)
    die_with_parent()
    become_torchrun(Path(sys.argv[1]))
    try:
        main(Path(sys.argv[1]))
    except MicroBatchHalved:
        if "RANK" in os.environ:  # torchrun ends with it, and whoever supervises starts the training again
            raise
        start_again(Path(sys.argv[1]))
