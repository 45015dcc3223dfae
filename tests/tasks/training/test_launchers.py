"""Launchers: what they submit, and what they read. tests/faults/test_slurm.py uses a real Slurm."""

import json
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import kubernetes_validate
import pytest
import yaml

from models.compute.config import ComputeConfig
from models.training.config import TrainConfig
from tasks.errors import LaunchError, TrainerDied, TrainingFailed
from tasks.trainer.nodes.config import LaunchConfig
from tasks.trainer.nodes.rendezvous import FILE
from tasks.trainer.run_directory import RunConfig, RunDirectory
from tasks.training.process.launchers import kubernetes, slurm
from tasks.training.process.launchers.launcher import choose_launcher, other_nodes
from tasks.training.stage import plan_run


@pytest.fixture
def run(dataset: str, tmp_path: Path) -> RunDirectory:
    """A run on three nodes."""
    run = RunDirectory(tmp_path / "run")
    run.create(plan_run(dataset, TrainConfig(family="dcgan", batch_size=33, compute=ComputeConfig(nodes=3))))
    return run


def with_launch(run: RunDirectory, **settings: Any) -> RunConfig:
    config = run.config().model_copy(update={"launch": LaunchConfig.model_validate(settings)})
    run.create(config)
    return config


def test_one_node_needs_no_launcher(dataset: str, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.create(plan_run(dataset, TrainConfig(family="dcgan")))
    assert choose_launcher(run.path, run.config()) is None
    with other_nodes(run) as poll:
        poll()


def test_a_person_is_told_the_command(run: RunDirectory, caplog: pytest.LogCaptureFixture) -> None:
    (run.path / FILE).write_text("of a leader that was killed")
    with caplog.at_level("INFO"), other_nodes(run) as poll:
        poll()
        assert not (run.path / FILE).exists()
    assert f"-m tasks.trainer.nodes.node {run.path}" in caplog.text


def test_the_slurm_script_asks_for_what_was_set(run: RunDirectory) -> None:
    config = with_launch(run, launcher="slurm", slurm={"partition": "gpu", "gpus": 8, "time": "24:00:00"})
    script = slurm.Slurm(run.path, config).show()
    for line in ("--array=1-2", "--nodes=1", "--partition=gpu", "--gpus-per-node=8", "--time=24:00:00", "--requeue"):
        assert f"#SBATCH {line}\n" in script
    assert "--account" not in script
    assert script.endswith(f"-m tasks.trainer.nodes.node {run.path}\n")
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize("field", ["partition", "account", "memory", "time"])
def test_no_setting_adds_a_line_to_the_script(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        LaunchConfig.model_validate({"slurm": {field: "x\n#SBATCH --uid=0"}})


def test_answers_of_slurm_are_read() -> None:
    assert slurm.parse_job("41\n") == slurm.parse_job("41;cluster\n") == "41"
    with pytest.raises(LaunchError, match="instead of the number"):
        slurm.parse_job("sbatch: queued\n")
    states = slurm.parse_states("RUNNING|None\nPENDING|Resources\nPENDING|Resources\nCANCELLED by 1000\n\n")
    assert slurm.describe(states) == "1 CANCELLED, 2 PENDING (Resources), 1 RUNNING"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of commands in place of Slurm's. `queue` is what squeue prints, `calls` is what they were asked."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    answers = {
        "sbatch": "echo 41; echo 'RUNNING|None' > $(dirname $0)/queue",
        "squeue": "cat $(dirname $0)/queue || { echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1; }",
        "sacct": "echo 'Slurm accounting storage is disabled' >&2; exit 1",
        "scancel": "rm $(dirname $0)/queue",
    }
    for name, answer in answers.items():
        (folder / name).write_text(f"#!/bin/sh\necho {name} $* >> $(dirname $0)/calls\n{answer}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def end_with(error: Exception, run: RunDirectory) -> None:
    with other_nodes(run) as poll:
        poll()
        raise error


def test_slurm_jobs_outlive_a_trainer_that_died_and_no_other_end(run: RunDirectory, cluster: Path) -> None:
    def submitted() -> int:
        return [line.split()[0] for line in (cluster / "calls").read_text().splitlines()].count("sbatch")

    with_launch(run, launcher="slurm")
    with pytest.raises(TrainerDied):
        end_with(TrainerDied("killed"), run)
    assert (cluster / "queue").exists()
    with pytest.raises(TrainingFailed):
        end_with(TrainingFailed("other"), run)
    assert submitted() == 1, "the job was still there"
    assert not (cluster / "queue").exists()
    with other_nodes(run):
        assert submitted() == 2
    assert slurm.Slurm(run.path, run.config()).state() == ""


def test_a_machine_without_slurm_says_so(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    with_launch(run, launcher="slurm")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(LaunchError, match="sbatch is not on this machine"), other_nodes(run):
        pass


@pytest.mark.parametrize("gpus", [0, 8])
def test_the_kubernetes_job_is_valid_and_has_its_gpus(run: RunDirectory, gpus: int) -> None:
    config = with_launch(run, launcher="kubernetes", kubernetes={"gpus": gpus})
    manifest = yaml.safe_load(kubernetes.Kubernetes(run.path, config).show())
    kubernetes_validate.validate(manifest, "1.37", strict=True)
    assert manifest["spec"]["completions"] == manifest["spec"]["parallelism"] == 2
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"].get("nvidia.com/gpu", 0) == gpus
    assert container["command"][-1] == str(run.path)


def test_names_of_jobs_are_names_of_kubernetes() -> None:
    assert kubernetes.job_name("My_Data.v2-r3-01234567") == "my-data-v2-r3-01234567-nodes"
    long = kubernetes.job_name(f"{'a' * 90}-r3-01234567")
    assert len(long) <= 52
    assert long.endswith("-01234567-nodes")


class Api(BaseHTTPRequestHandler):
    """The part of a cluster's API that creates, reads and deletes jobs."""

    def do_GET(self) -> None:
        self._answer(self._jobs().get(self.path.rpartition("/")[2]))

    def do_POST(self) -> None:
        job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._jobs()[job["metadata"]["name"]] = job | {"status": {"active": job["spec"]["parallelism"]}}
        self._answer(job)

    def do_DELETE(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = self._jobs().pop(self.path.partition("?")[0].rpartition("/")[2], None)
        self._answer(found and {"kind": "Status", "status": "Success"})

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _jobs(self) -> dict[str, Any]:
        return cast("ApiServer", self.server).jobs

    def _answer(self, body: Any) -> None:
        content = json.dumps(body or {"kind": "Status", "reason": "NotFound"}).encode()
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class ApiServer(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Api)
        self.jobs: dict[str, Any] = {}


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The jobs of a cluster to which kubectl's configuration leads."""
    server = ApiServer()
    Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "users": [{"name": "me", "user": {}}],
    }
    (tmp_path / "kubectl.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubectl.yaml"))
    yield server.jobs
    server.shutdown()
    server.server_close()


def test_the_kubernetes_job_is_created_kept_made_anew_and_deleted(run: RunDirectory, api: dict[str, Any]) -> None:
    nodes = kubernetes.Kubernetes(run.path, with_launch(run, launcher="kubernetes"))
    assert nodes.state() == "the job is gone"
    nodes.stop()
    assert nodes.start().startswith("Started 2 other node(s)")
    assert nodes.state() == "2 running"
    assert nodes.start().endswith("2 running")
    (job,) = api.values()
    job["status"] = {"failed": 2, "conditions": [{"type": "Failed", "status": "True", "message": "no image"}]}
    assert nodes.state() == "2 failed, Failed: no image"
    assert nodes.start().startswith("Started")
    assert nodes.state() == "2 running"
    nodes.stop()
    assert not api


def test_a_machine_without_a_cluster_says_so(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(LaunchError, match="no Kubernetes cluster is configured"):
        kubernetes.Kubernetes(run.path, with_launch(run, launcher="kubernetes")).start()
