"""A training on two nodes, each in a network of its own, that loses one: it continues, and ends in the same weights."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from models.compute.config import ComputeConfig
from models.training.checkpoints import CheckpointStore
from models.training.health_config import HealthConfig
from models.training.loop import TrainConfig
from tasks.trainer.nodes.config import LaunchConfig
from tasks.trainer.run_directory import RunDirectory
from tasks.training.stage import plan_run
from tests.faults.training import Tell, weights_sha256
from tests.waiting import wait_until

CONFIG = TrainConfig(
    family="dcgan",
    nimg=2400,
    batch_size=8,
    width=8,
    latent_dim=8,
    tick_nimg=80,
    checkpoint_ticks=3,
    snapshot_ticks=5,
    compute=ComputeConfig(threads=1, device="cpu", nodes=2),
    health=HealthConfig(score_ticks=0),
)
NETWORK, SECOND, THIRD = "10.77.0.0/24", "10.77.0.2", "10.77.0.3"
MODULES = ("tasks.trainer.worker", "tasks.trainer.nodes.node")
PATIENCE_SECONDS = 540


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True)
class Machine:
    """A network namespace: its processes see one interface, and the other machine through it alone."""

    name: str

    def start(self, module: str, run: RunDirectory) -> "subprocess.Popen[bytes]":
        command = ["ip", "netns", "exec", self.name, sys.executable, "-m", module, str(run.path)]
        with run.log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def pids(self) -> list[int]:
        return [int(pid) for pid in ip("netns", "pids", self.name).split()]

    def listening_on(self) -> list[str]:
        """The addresses at which its processes listen."""
        command = ["ip", "netns", "exec", self.name, sys.executable, "-c", LISTENING]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    def vanish(self, address: str, later: str) -> None:
        """Kill all its processes so that nobody is told: no packet leaves it any more. Give it another address."""
        ip("-n", self.name, "addr", "delete", f"{address}/24", "dev", "cable")
        self.kill_all()
        ip("-n", self.name, "addr", "add", f"{later}/24", "dev", "cable")

    def kill_all(self) -> None:
        """Kill all its processes. Its kernel closes their connections."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


LISTENING = """
import psutil
for one in psutil.net_connections("inet"):
    if one.status == "LISTEN":
        print(one.laddr.ip)
"""


@pytest.fixture
def machines() -> Iterator[tuple[Machine, Machine]]:
    """Two network namespaces with a cable between them."""
    suffix = os.getpid()
    first, second = Machine(f"nodes-{suffix}-a"), Machine(f"nodes-{suffix}-b")
    if os.geteuid() != 0 or subprocess.run(["ip", "netns", "add", first.name], check=False).returncode:
        pytest.skip("needs root, and network namespaces")
    try:
        ip("netns", "add", second.name)
        ip("link", "add", "cable", "netns", first.name, "type", "veth", "peer", "name", "cable", "netns", second.name)
        for number, machine in enumerate((first, second), 1):
            ip("-n", machine.name, "addr", "add", f"10.77.0.{number}/24", "dev", "cable")
            ip("-n", machine.name, "link", "set", "cable", "up")
            ip("-n", machine.name, "link", "set", "lo", "up")
        yield first, second
    finally:
        for machine in (first, second):
            machine.kill_all()
            subprocess.run(["ip", "netns", "delete", machine.name], check=False)


def make_run(dataset: str, path: Path) -> RunDirectory:
    run = RunDirectory(path)
    run.create(plan_run(dataset, CONFIG, launch=LaunchConfig(interface=NETWORK, wait_minutes=5)))
    return run


def start_all(machines: tuple[Machine, Machine], run: RunDirectory) -> "list[subprocess.Popen[bytes]]":
    return [machine.start(module, run) for machine, module in zip(machines, MODULES, strict=True)]


def test_nodes_lost(dataset: str, tmp_path: Path, machines: tuple[Machine, Machine], tell: Tell) -> None:
    """One of two nodes vanished from the network in training and back with another address; the leader killed later."""
    undisturbed, run = make_run(dataset, tmp_path / "undisturbed"), make_run(dataset, tmp_path / "disturbed")
    assert [process.wait(PATIENCE_SECONDS) for process in start_all(machines, undisturbed)] == [0, 0]

    started, lost_at = start_all(machines, run), []
    for place, ticks in ((1, 4), (0, 14)):
        wait_until(lambda ticks=ticks: len(run.read_stats()) >= ticks, alive=started[0], what=f"tick {ticks}")
        ports = {address for machine in machines for address in machine.listening_on()}
        assert ports <= {"10.77.0.1", SECOND, THIRD}, "a port is open on another address than that of launch.interface"
        if place:
            machines[place].vanish(SECOND, later=THIRD)
        else:
            machines[place].kill_all()
        lost_at.append(len(run.read_stats()))
        started[place].wait(PATIENCE_SECONDS)
        started[place] = machines[place].start(MODULES[place], run)
    assert [process.wait(PATIENCE_SECONDS) for process in started] == [0, 0]

    status = run.status()
    assert status is not None
    assert (status.state, status.nimg) == ("done", CONFIG.nimg)
    ticks = [row["nimg"] for row in run.read_stats()]
    assert max(lost_at) < len(ticks)
    assert ticks == [row["nimg"] for row in undisturbed.read_stats()]
    assert weights_sha256(run) == weights_sha256(undisturbed)
    tell(f"lost after ticks {lost_at} of {len(ticks)}; weights bit-identical; ports on the named network alone")


def test_nodes_told_to_stop(dataset: str, tmp_path: Path, machines: tuple[Machine, Machine], tell: Tell) -> None:
    """One of two nodes told to stop (SIGTERM) and started again, and later the other one, which leads."""
    run = make_run(dataset, tmp_path / "stopped")
    leader, other = start_all(machines, run)
    wait_until(lambda: len(run.read_stats()) >= 2, alive=leader, what="tick 2")
    other.terminate()
    assert other.wait(PATIENCE_SECONDS) == 1
    status = run.status()
    assert status is not None
    assert status.state == "running"
    saved = int(CheckpointStore(run.checkpoints).committed()[-1].name)
    other = machines[1].start(MODULES[1], run)
    wait_until(lambda: f"resuming at {saved} images" in run.log.read_text(), alive=leader, what="the resume")
    os.killpg(leader.pid, signal.SIGTERM)
    leader.wait(PATIENCE_SECONDS)
    assert other.wait(PATIENCE_SECONDS) == 0
    status = run.status()
    assert status is not None
    assert status.state == "resumable"
    assert status.nimg == int(CheckpointStore(run.checkpoints).committed()[-1].name) >= saved
    tell(f"continued from {saved} images, where the node was told to stop; then all stopped at {status.nimg}")
