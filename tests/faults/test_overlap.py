"""Runs that would overlap: on one dataset there is one at work, whoever started them and whatever the clock says."""

import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tasks.home import home
from tasks.tracking.runs import RUN_TAG, connect
from tests.conftest import write_collection
from tests.faults.service import Service
from tests.faults.training import TRAINING, Tell
from tests.waiting import wait_until

MOST_HANDOVER_SECONDS = 1.0


def pipeline_config(service: Service, dataset: str, overlap: str) -> dict[str, Any]:
    """Parameters of a pipeline on a collection of that name."""
    source = service.folder / f"pictures-{dataset}"
    if not source.exists():
        write_collection(source)
    shard = {"source": str(source), "dataset": dataset, "resolution": 16, "val_fraction": 0.3, "workers": 1}
    train = TRAINING.model_copy(update={"nimg": 1_600, "tick_nimg": 160}).model_dump(mode="json")
    evaluate = {"num_images": 16, "input_size": 32, "device": "cpu"}
    return {"config": {"shard": shard, "train": train, "evaluate": evaluate, "overlap": overlap}}


def lock_of(dataset: str) -> Path:
    return home().root / "locks" / f"{dataset}.lock"


def lockers(path: Path) -> tuple[list[int], list[int]]:
    """Process ids: who holds the flock, and who waits for it."""
    if not path.exists():
        return [], []
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    mine = [words[1:] for words in lines if words[-3].rpartition(":")[2] == str(path.stat().st_ino)]
    holders = [int(words[3]) for words in mine if words[0] == "FLOCK"]
    return holders, [int(words[4]) for words in mine if words[0] == "->"]


def trainings(dataset: str) -> list[Any]:
    client = connect(home())
    experiment = client.get_experiment_by_name(dataset)
    runs = client.search_runs([experiment.experiment_id]) if experiment else []
    return [run for run in runs if RUN_TAG in run.data.tags]


def test_two_pipelines(service: Service, tell: Tell) -> None:
    """Two pipelines on one dataset at once, and a third that does not wait; then the first one is killed."""
    lock = lock_of("pair")
    first = service.submit("pipeline/images-to-champion", pipeline_config(service, "pair", "wait"))
    (holder,) = wait_until(lambda: lockers(lock)[0], what="the first pipeline")
    second = service.submit("pipeline/images-to-champion", pipeline_config(service, "pair", "wait"))
    third = service.submit("pipeline/images-to-champion", pipeline_config(service, "pair", "cancel"))
    (waiting,) = wait_until(lambda: lockers(lock)[1], what="the second pipeline")
    refused = service.wait_for_state(third, "CANCELLED")
    assert "another run works on the dataset pair" in refused["state"]["message"]
    tell(f"the second waits, the third ends as cancelled: {refused['state']['message']}")
    assert lockers(lock) == ([holder], [waiting])
    psutil.Process(holder).kill()
    began = time.monotonic()
    wait_until(lambda: lockers(lock)[0] == [waiting], what="the second pipeline's turn")
    seconds = time.monotonic() - began
    assert seconds < MOST_HANDOVER_SECONDS
    tell(f"holder killed, the second at work {seconds:.2f} s later")
    service.wait_for_state(second, "COMPLETED")
    service.wait_for_state(first, "COMPLETED")
    tell(f"both completed ({', '.join(service.states(first)[-3:])}), trained once")
    assert len(trainings("pair")) == 1


class Clock:
    """The clock by which the Prefect server, the worker for the CPU pool and its runs go."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.path = folder / "clock"
        self.set(0)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(self.path)}

    def set(self, seconds: int) -> None:
        """Put the clock so far ahead of the real one; processes see it at once."""
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))


@pytest.fixture
def clock(service: Service) -> Iterator[Clock]:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    library = service.folder / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source], check=True)
    clock = Clock(service.folder, library)
    restart(service, clock.environment)
    yield clock
    restart(service, {})


def restart(service: Service, environment: dict[str, str]) -> None:
    for name in ("cpu", "prefect"):
        service.stop(name, signal.SIGKILL)
    service.start("prefect", environment)
    service.wait_for("prefect")
    service.start("cpu", environment)


def test_schedule_overlaps(service: Service, clock: Clock, tell: Tell) -> None:
    """Schedule that is faster than its runs, and a clock that jumps two minutes ahead and back."""
    nightly = service.get("/deployments/name/pipeline/nightly")
    path = f"/deployments/{nightly['id']}"
    schedule = {
        "active": True,
        "slug": "fast",
        "schedule": {"interval": 20, "timezone": "UTC"},
        "parameters": pipeline_config(service, "night", "cancel"),
    }
    (made,) = service.post(f"{path}/schedules", [schedule])
    wait_until(lambda: lockers(lock_of("night"))[0], what="the first scheduled run")
    most = 0
    for ahead in (0, 120, 0):
        clock.set(ahead)
        until = time.monotonic() + 40
        while time.monotonic() < until:
            most = max(most, len(lockers(lock_of("night"))[0]))
            time.sleep(0.1)
    service.call("DELETE", f"{path}/schedules/{made['id']}")

    def runs() -> list[dict[str, Any]]:
        wanted = {"flow_runs": {"deployment_id": {"any_": [nightly["id"]]}}}
        found = service.post("/flow_runs/filter", wanted)
        return [run for run in found if run["state_type"] not in ("SCHEDULED", "PENDING")]

    wait_until(lambda: all(run["state_type"] != "RUNNING" for run in runs()), what="the end of all scheduled runs")
    ended = [run["state_type"] for run in runs()]
    assert most == 1
    assert "COMPLETED" in ended
    assert set(ended) <= {"COMPLETED", "CANCELLED"}
    assert len(trainings("night")) == 1
    counts = f"{ended.count('COMPLETED')} completed, {ended.count('CANCELLED')} cancelled as overlapping"
    tell(f"{len(ended)} runs started, one at work at a time: {counts}; trained once")
