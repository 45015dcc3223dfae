"""What the process of one training does: it trains, then scores itself. Each row is written when it is known."""

import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from threading import BrokenBarrierError
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file

from benchmarks.families.jobs import Job
from benchmarks.families.judging import SHOWN, Decoded, judges, score_generator, score_real, shown
from benchmarks.families.timed import LAST, Clock, Course, Kept, Tell, train_for
from benchmarks.harness.training import network_of
from models.compute.config import ComputeConfig, DeviceName
from models.compute.device import prepare, select_device
from models.grids import grid_png
from models.metrics.judges import FIRST_JUDGE, LABELS

ROWS = "rows.jsonl"
FIRST_SCORE = f"FD-{LABELS[FIRST_JUDGE]}"  # by which the product chooses the best checkpoint, too
COLUMNS = 8
MOST_BYTES = 15 * 2**20
MOST_CURVE = 3  # points that are scored besides the last one and the one that all families reached
Row = dict[str, Any]


class Place(NamedTuple):
    """Where rows and pictures go, how generators are scored, and how many seconds a training waits for the others."""

    out: Path
    work: Path
    device: DeviceName
    num_images: int
    input_size: int
    patience: float

    def write(self, kind: str, **row: Any) -> None:
        """Append a row to the file of rows. Several processes may do so at once."""
        line = json.dumps({"kind": kind, **row}) + "\n"
        descriptor = os.open(self.out / ROWS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def reached(self, slug: str) -> Path:
        """The file that says which points a training has reached."""
        return self.work / f"{slug}.reached"


def measure_references(place: Place, name: str, collection: Decoded) -> None:
    """Compute the features of real images, and write what training images score."""
    device = select_device(place.device)
    prepare(ComputeConfig(device=place.device, threads=1), device)
    asked = judges(collection, device, place.work / "features", place.input_size)
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    facts = {"card": card, "version": collection.manifest.version, "resolution": collection.manifest.resolution}
    counts = {"num_train": len(collection.train), "num_val": len(collection.val)}
    real = collection.train.images
    chosen = np.sort(np.random.default_rng(0).permutation(len(real))[:SHOWN])
    np.save(place.work / f"{name}-real.npy", real[chosen])
    place.write("real", collection=name, **facts, **counts, **score_real(asked, place.num_images))


def train_beside(place: Place, job: Job, collection: Decoded, peers: list[str], barrier: Any, seconds: float) -> None:
    """Train for so many seconds beside the other trainings of a wave, and score."""

    def wait() -> None:
        try:
            barrier.wait(place.patience)
        except BrokenBarrierError:
            print("another training has failed: starting without it", flush=True)

    try:
        clock = Clock(place.device, wait, lambda spent: spent >= seconds)
        course = _train(place, job, collection, clock, lambda *_: None)
    except BaseException:
        barrier.abort()
        _write_atomically(place.reached(job.slug), "null")
        raise
    _write_atomically(place.reached(job.slug), json.dumps([kept.point for kept in course.kept]))
    found = {slug: _await_points(place.reached(slug), place.patience) for slug in peers}
    reached = {slug: points for slug, points in found.items() if points is not None}
    equal, curve = chosen_points(job.slug, reached)
    of_point = {kept.point: kept for kept in course.kept}
    _score(
        place, job, collection, course, [course.last, *(of_point[point] for point in (equal, *curve) if point)], equal
    )


def train_long(place: Place, job: Job, collection: Decoded, is_over: Callable[[float], bool]) -> None:
    """Train until it is over; keep a picture at each point. Score all points, the last one first, and keep the best."""
    spec = network_of(job.config, collection.manifest)

    def tell(kept: Kept, generator: torch.nn.Module) -> None:
        picture = grid_png(shown(generator, spec.num_classes), COLUMNS)
        (place.work / f"{job.slug}-{kept.nimg:09d}.png").write_bytes(picture)

    course = _train(place, job, collection, Clock(place.device, lambda: None, is_over), tell)
    tell(course.last, course.generator)
    least = math.inf

    def choose(kept: Kept, scores: dict[str, float]) -> None:
        nonlocal least
        if scores[FIRST_SCORE] < least:
            least = scores[FIRST_SCORE]
            _save_weights(place.out / f"{job.slug}.safetensors", kept, job)

    _score(place, job, collection, course, [course.last, *reversed(course.kept)], tell=choose)


def chosen_points(mine: str, reached: dict[str, list[int]]) -> tuple[int, list[int]]:
    """The largest point that all trainings have reached (0: none), and further points of this one's family.

    Seeds of a family get the same points, so that means over seeds can be taken at each.
    """
    family = mine.rpartition("-")[0]
    equal = max(set.intersection(*map(set, reached.values())), default=0) if reached else 0
    own = [set(points) for slug, points in reached.items() if slug.rpartition("-")[0] == family]
    others = sorted(set.intersection(*own) - {equal}, reverse=True) if own else []
    step = max(1, len(others) // MOST_CURVE)
    return equal, others[::step][:MOST_CURVE]


def _train(place: Place, job: Job, collection: Decoded, clock: Clock, tell: Tell) -> Course:
    device = select_device(job.config.compute.device)
    prepare(job.config.compute, device)
    spec = network_of(job.config, collection.manifest)
    course = train_for(job.config, spec, collection.train, device, clock, tell)
    times = {str(kept.point): [kept.nimg, kept.seconds] for kept in course.kept}
    facts = {"nimg": course.last.nimg, "seconds": course.last.seconds, "is_recorded": course.is_recorded}
    place.write("training", **_names(job), **facts, times=times, config=job.config.model_dump(mode="json"))
    np.save(place.work / f"{job.slug}.npy", shown(course.generator, spec.num_classes))
    return course


def _score(
    place: Place,
    job: Job,
    collection: Decoded,
    course: Course,
    points: list[Kept],
    equal: int = 0,
    tell: Callable[[Kept, dict[str, float]], None] = lambda *_: None,
) -> None:
    device = next(course.generator.parameters()).device
    asked = judges(collection, device, place.work / "features", place.input_size)
    num_classes = network_of(job.config, collection.manifest).num_classes
    for kept in points:
        course.generator.load_state_dict(kept.weights)
        found = score_generator(course.generator, asked, num_classes, place.num_images)
        at = "time" if kept.point == LAST else "images" if kept.point == equal else "curve"
        place.write("score", **_names(job), at=at, point=kept.point, nimg=kept.nimg, seconds=kept.seconds, **found)
        tell(kept, found["scores"])


def _save_weights(path: Path, kept: Kept, job: Job) -> None:
    """Keep a generator in half precision if it is small enough to be sent back."""
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in kept.weights.items()}
    if (size := sum(tensor.nbytes for tensor in halves.values())) > MOST_BYTES:
        print(f"weights are not kept: {size:,} bytes, at most {MOST_BYTES:,} are sent back", flush=True)
        return
    partial = path.with_name(f".{path.name}")
    # On a GPU, weights of convolutions are stored as NHWC, and the file has one layout only.
    plain = {name: tensor.cpu().contiguous() for name, tensor in halves.items()}
    save_file(plain, partial, {"nimg": str(kept.nimg), **_texts(job)})
    partial.replace(path)


def _texts(job: Job) -> dict[str, str]:
    return {"collection": job.collection, "config": job.config.model_dump_json()}


def _names(job: Job) -> Row:
    return {"collection": job.collection, "family": job.family, "seed": job.seed, "is_long": job.is_long}


def _await_points(path: Path, patience: float) -> list[int] | None:
    """The points that another training has reached; None where it failed or is too slow."""
    end = time.monotonic() + patience
    while not path.exists():
        if time.monotonic() > end:
            return None
        time.sleep(0.05)
    found: list[int] | None = json.loads(path.read_text())
    return found


def _write_atomically(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}")
    partial.write_text(text)
    partial.replace(path)


def run(name: str, log: Path, place: Place, body: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Run `body` in a forked process: a group of its own, output to a log, no clean-up of the parent's copy."""
    os.setsid()
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        body(place, *arguments)
    except BaseException as error:
        traceback.print_exc()
        place.write("failed", name=name, reason=f"{type(error).__name__}: {error}"[:500])
        sys.stderr.flush()
        os._exit(1)
    sys.stdout.flush()
    os._exit(0)
