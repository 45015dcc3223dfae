"""The launcher for Slurm on a real cluster of one machine."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.trainer.nodes.config import LaunchConfig, SlurmConfig
from tasks.trainer.run_directory import RunDirectory
from tasks.training.process.launchers.launcher import choose_launcher
from tasks.training.stage import plan_run
from tests.faults.slurm import Cluster, is_installed
from tests.faults.test_nodes import CONFIG, PATIENCE_SECONDS
from tests.faults.training import Tell
from tests.waiting import wait_until


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The daemons, and an environment in which the launcher finds their commands."""
    if not is_installed():
        pytest.skip("needs root, and Debian's slurmctld, slurmd and munge: see tests/faults/slurm.py")
    folder = tmp_path / "slurm"
    folder.mkdir()
    cluster = Cluster(folder)
    try:
        cluster.start()
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        yield cluster
    finally:
        cluster.stop()


def test_machine_of_slurm_lost(dataset: str, tmp_path: Path, cluster: Cluster, tell: Tell) -> None:
    """A machine of Slurm lost in training on two nodes, and back."""
    launch = LaunchConfig(launcher="slurm", interface="lo", wait_minutes=10, slurm=SlurmConfig(gpus=0, cpus=1))
    run = RunDirectory(tmp_path / "run")
    run.create(plan_run(dataset, CONFIG, launch=launch))
    launcher = choose_launcher(run.path, run.config())
    assert launcher is not None
    launcher.start()
    assert launcher.start().startswith("The other nodes are Slurm job")
    leader = subprocess.Popen(
        [sys.executable, "-m", "tasks.trainer.worker", str(run.path)],
        stdout=run.log.open("ab"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    wait_until(lambda: len(run.read_stats()) >= 4, alive=leader, what="tick 4")
    seen = [launcher.state()]
    cluster.set_machine("DOWN")
    wait_until(lambda: launcher.state().startswith("1 PENDING"), what="the job back in the queue")
    seen.append(launcher.state())
    lost_at = len(run.read_stats())
    cluster.set_machine("RESUME")
    assert leader.wait(PATIENCE_SECONDS) == 0
    status = run.status()
    assert status is not None
    assert (status.state, status.nimg) == ("done", CONFIG.nimg)
    assert lost_at < len(run.read_stats())
    assert "resuming at" in run.log.read_text()
    wait_until(lambda: not launcher.state(), what="the end of the job")
    launcher.stop()
    tell(f"lost after tick {lost_at} of {len(run.read_stats())}, requeued by Slurm, done; {', then '.join(seen)}")
