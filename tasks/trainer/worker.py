"""The trainer: the program that the training task starts as a child, `python -m tasks.trainer.worker RUN_DIR`.

This program combines shards and models, as its child tasks/trainer/scoring/scorer.py does: it passes batches from
tasks.trainer.batches to models.training.loop. It writes only to the run directory. On SIGTERM or SIGINT it finishes the
step, writes a checkpoint and sets status.json to `resumable`.

If a step does not fit into memory, this program starts again from the newest checkpoint with half as many images at
once. It starts as a new process, because only a new process gets all of the GPU's memory back.

If the run asks for several processes, this process becomes `torchrun`, which starts them. If it asks for several nodes,
this process becomes the leader's torchrun, and the other ones run tasks/trainer/nodes/node.py.
"""

import contextlib
import hashlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load

from models.compute.device import gpu_uuids, num_processes, select_device
from models.compute.metering.clock import Clock
from models.compute.metering.cpu import CpuEnergy
from models.compute.metering.gpu import open_gpus
from models.compute.metering.meter import Meter
from models.compute.parallel import World
from models.errors import CheckpointError, DivergedError, OutOfMemoryError, PeerLostError
from models.grids import real_grid
from models.training.checkpoints import CheckpointStore
from models.training.health import Event
from models.training.io import TrainingInputs
from models.training.loop import train
from shards import Blend, Dataset, Split
from shards.images.containers.marking import Mark, mark_image
from shards.processes.lifetime import die_with_parent
from tasks.trainer.batches import Batches, Data, open_data
from tasks.trainer.config import SUPERVISOR_PID
from tasks.trainer.costs.config import CostConfig
from tasks.trainer.costs.journal import Journal
from tasks.trainer.costs.processor import find_processor
from tasks.trainer.live_page import LivePage
from tasks.trainer.nodes.rendezvous import MEETING, Meeting, is_over
from tasks.trainer.run_directory import RunConfig, RunDirectory, State, Status
from tasks.trainer.scoring.child import ChildScorer
from tasks.trainer.traces import training_codecs
from tasks.trainer.trusted import load_trusted

logger = logging.getLogger("tasks.trainer.worker")
LOG_FORMAT = "%(asctime)s %(name)s %(message)s"
MIN_REFERENCE = 2  # images that a quick score compares with
MIN_MICRO_BATCH = 2  # BatchNorm needs at least two images
FindSplit = Callable[[Dataset], Split | None]


class MicroBatchHalved(Exception):
    """A step did not fit into memory. The run now uses half as many images at once: start again."""


class StopFlag:
    """Set by the first SIGTERM or SIGINT. The loop checks it between steps."""

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

    def __init__(self, run: RunDirectory, stop: StopFlag, journal: Journal, data: Data) -> None:
        self.run = run
        self.data = data
        self.journal = journal
        self.clock = journal.clock
        self.page = LivePage(run)
        self.should_stop = stop.is_set
        self.picture = run.write_sample

    def report(self, row: dict[str, float]) -> None:
        self.run.append_stats(row | self.journal.tick(row) | self.data.figures())
        self.run.set_status("running", int(row["nimg"]))
        self.page.tick(int(row["nimg"]))
        losses = "".join(f", {name} {value:.3f}" for name, value in row.items() if name.startswith("loss_"))
        logger.info("%s images%s", f"{int(row['nimg']):,}", losses)

    def snapshot(self, nimg: int, png: bytes) -> None:
        # No version has been registered yet, so the images name the run.
        mark = Mark(f"run {self.run.config().run}", seed=self.run.train_config().seed)
        self.run.write_sample(f"{nimg:012d}", mark_image(png, mark))
        self.page.tick(nimg)

    def progress(self, message: str) -> None:
        nimg = stored_nimg(self.run)
        self.run.set_status("running", nimg, message)
        self.page.tell(nimg, message)
        logger.info("%s", message)

    def notify(self, event: dict[str, Any]) -> None:
        self.run.append_stats(event)
        logger.warning(
            "%s at %s images: %s: %s", event["event"], f"{event['nimg']:,}", event["action"], event["reason"]
        )


def main(path: Path, find_split: FindSplit | None = None) -> None:
    """Train as PATH/config.json says until the training is done or this process is told to stop.

    `find_split` returns the training split if this process has decoded it before it knew its run, else None.
    """
    run = RunDirectory(path)
    stop = StopFlag()
    if is_over(path):
        # torchrun has started this process again, because some node reported a failure. But the training has ended.
        logger.info("the training has ended")
        return
    if int(os.environ.get("RANK", "0")) > 0:
        train_in(run, stop)
        return
    with run.lock(), following_page(run):
        run.set_status("running", stored_nimg(run))
        try:
            status = train_in(run, stop, find_split)
        except (PeerLostError, MicroBatchHalved):
            # The status stays `running`, as if this process had died too: a new process continues.
            raise
        except DivergedError as error:
            end(run, "diverged", stored_nimg(run), str(error))
            raise
        except BaseException as error:
            end(run, "failed", stored_nimg(run), f"{type(error).__name__}: {error}")
            raise
        end(run, status.state, status.nimg, status.reason)
        logger.info("%s at %s images %s", status.state, f"{status.nimg:,}", status.reason)


def end(run: RunDirectory, state: State, nimg: int, reason: str) -> None:
    """Write how the training ended. Other nodes do not join it any more."""
    run.set_status(state, nimg, reason)
    Meeting.remove(run.path)


@contextlib.contextmanager
def following_page(run: RunDirectory) -> Iterator[None]:
    """Write the live page at the start of a training, and what it came to at its end."""
    page = LivePage(run)
    page.start()
    try:
        yield
    finally:
        page.finish()


def train_in(run: RunDirectory, stop: StopFlag, find_split: FindSplit | None = None) -> Status:
    """Train in `run`. Return the status that status.json will contain."""
    config, train_config = run.config(), run.train_config()
    device = select_device(config.train.compute.device, int(os.environ.get("LOCAL_RANK", "0")))
    world = World.join(device)
    clock = Clock()
    meter = Meter(open_gpus(gpu_uuids(device)) if world.is_main else None, CpuEnergy())
    journal = Journal(run.path, clock, meter, CostConfig.read())
    if world.is_main:
        journal.start(find_processor(run, device, world.size, journal.config))
    dataset = Dataset.open(config.manifest)
    data = open_data(
        run.data_config(),
        open_parents(config) or dataset,
        batch_size=config.train.batch_size,
        seed=config.train.seed,
        rank=world.rank,
        world_size=world.size,
        device=device,
        agree=world.any,
        decoded=find_split(dataset) if find_split and not config.parents else None,
    )
    logger.info("%s@%s: %s", config.dataset, config.dataset_version[:12], data.describe())
    if world.is_main:
        run.store_data_mode(data.mode)
        run.write_sample("real", real_grid(*data.preview(), config.network.num_classes))

    def open_batches(nimg: int) -> Batches:
        # Training continues from `nimg`: later ticks belong to steps that will be done again.
        if world.is_main:
            run.cut_stats(nimg)
            journal.train(nimg)
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
        io = RunDirectoryIO(run, stop, journal, data)
        state = train(
            train_config,
            config.network,
            inputs,
            checkpoints,
            io,
            scorer=scorer,
            world=world,
            device=device,
        )
    except OutOfMemoryError as error:
        halve_micro_batch(run, error)
        raise MicroBatchHalved from error
    finally:
        if scorer:
            scorer.close()
    if world.is_main:
        journal.end(state.nimg)
    if state.health.stopped:
        status = Status(state="done", nimg=state.nimg, reason=state.health.stopped)
    elif state.nimg >= config.train.nimg and state.health.is_complete:
        status = Status(state="done", nimg=state.nimg)
    else:
        if MEETING in os.environ:
            expect_leader_stopped(world, stop)
        status = Status(state="resumable", nimg=state.nimg, reason=stop.reason)
    world.close()
    return status


def expect_leader_stopped(world: World, stop: StopFlag) -> None:
    """Raise PeerLostError if another node than the leader was told to stop: the training goes on when it is back."""
    if not world.any(world.is_main and bool(stop.reason)) and not stop.reason:
        raise PeerLostError("another node was told to stop: continuing from here when it is back")


def open_parents(config: RunConfig) -> Blend | None:
    """Open the blend that the training draws from. Return None if it draws from its own dataset alone."""
    if not config.parents:
        return None
    datasets = [Dataset.open(parent.manifest) for parent in config.parents]
    return Blend.of(datasets, [parent.share for parent in config.parents])


def start_weights(run: RunDirectory, sha256: str) -> dict[str, torch.Tensor] | None:
    """Read the initial weights. Return None if `sha256` is empty. Raises CheckpointError if the digest is different."""
    if not sha256:
        return None
    content = run.init.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise CheckpointError(f"{run.init} is damaged: sha256 {found[:12]}, expected {sha256[:12]}")
    return load(content)


def halve_micro_batch(run: RunDirectory, error: OutOfMemoryError) -> None:
    """Store half the number of images at once, and log it. Raises `error` if the number is already the smallest."""
    size = max(MIN_MICRO_BATCH, error.num_images // 2)
    if size >= error.num_images:
        raise error
    if run.train_config().compute.micro_batch_size == size:
        return  # another process of this training has already halved it
    run.store_micro_batch(size)
    run.append_stats(Event(stored_nimg(run), "out_of_memory", "halve", f"{error}; continuing with {size}").row())
    logger.warning("%s; starting again with %s images at once", error, size)


def stored_nimg(run: RunDirectory) -> int:
    """Return the images seen at the newest finished checkpoint, or 0 if there is no checkpoint."""
    committed = CheckpointStore(run.checkpoints).committed()
    return int(committed[-1].name) if committed else 0


def start_again(path: Path) -> None:
    """Replace this process by a new trainer. The request to Linux in `die_with_parent` still holds for it."""
    os.execv(sys.executable, [sys.executable, "-m", "tasks.trainer.worker", str(path)])


def become_torchrun(path: Path) -> None:
    """If PATH/config.json asks for several processes or nodes, replace this process by the program that starts them.

    The request to Linux in `die_with_parent` still holds for the new program.
    """
    compute = RunDirectory(path).config().train.compute
    if "RANK" in os.environ:
        return
    if compute.nodes > 1:
        leader = ["-m", "tasks.trainer.nodes.torchrun", str(path), "leader"]
        os.execv(sys.executable, [sys.executable, *leader])
    if (processes := num_processes(compute)) > 1:
        os.environ.pop(SUPERVISOR_PID, None)
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        os.execv(sys.executable, [sys.executable, *torchrun, "-m", "tasks.trainer.worker", str(path)])


def find_supervisor() -> int:
    """Return the process id of the process that started this trainer."""
    return int(os.environ.get(SUPERVISOR_PID, os.getppid()))


def work(path: Path, find_split: FindSplit | None = None) -> None:
    """Be the trainer of a run: with several processes through torchrun, and again with less memory if necessary."""
    become_torchrun(path)
    try:
        main(path, find_split)
    except MicroBatchHalved:
        if "RANK" in os.environ:  # torchrun ends with it, and the supervisor starts the training again
            raise
        start_again(path)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stdout)
    die_with_parent(parent=find_supervisor())
    work(Path(sys.argv[1]))
