"""What stops a training, and how it goes on: real processes, real signals."""

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.exceptions import Abort
from prefect.flow_engine import run_flow as run_engine
from prefect.settings import PREFECT_API_URL
from prefect.variables import Variable

from flows.cli.commands import COMMANDS
from flows.cli.running import run_flow
from flows.configs import TrainGanConfig
from flows.stages.train_gan import train_gan
from models.compute.config import ComputeConfig
from models.training.loop import TrainConfig
from tasks.errors import FlowRunDeleted, OverQuota
from tasks.flow_runs import liveness
from tasks.flow_runs.liveness import HELD
from tasks.home import home
from tasks.service.provisioning import set_quota
from tasks.service.settings import ServiceConfig
from tasks.tracking.runs import connect
from tasks.tracking.tags import RunTags
from tasks.trainer.costs.goodput import Goodput
from tasks.trainer.costs.history import History
from tasks.trainer.costs.quota import VARIABLE, Spent
from tasks.trainer.run_directory import RunDirectory
from tasks.training.quota import check_quota, read_quota, spent_since
from tasks.training.stage import plan_run
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("prefect_server")

(TRAIN,) = [command for command in COMMANDS if command.name == "train"]
SHARDGAN = Path(sys.executable).with_name("shardgan")
CPU = ComputeConfig(threads=1, device="cpu")
CONFIG = TrainConfig(
    family="dcgan", nimg=1600, batch_size=8, width=8, latent_dim=8, tick_nimg=80, checkpoint_ticks=2, compute=CPU
)


def trainer_of(run: RunDirectory) -> int | None:
    """Process id of the trainer at work in `run`."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"tasks.trainer.worker" in words and str(run.path).encode() in words:
            return int(path.parent.name)
    return None


def steps(run_id: str) -> list[int]:
    return [point.step for point in connect(home()).get_metric_history(run_id, "loss_d")]


def test_a_killed_trainer_is_retried_and_resumes_in_the_same_flow_run(dataset: str) -> None:
    run = RunDirectory(home().runs / plan_run(dataset, CONFIG).run)
    killed = threading.Event()

    def kill_half_way() -> None:
        wait_until(lambda: len(run.read_stats()) >= 6)
        pid = trainer_of(run)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        killed.set()

    killer = threading.Thread(target=kill_half_way)
    killer.start()
    outcome = train_gan(TrainGanConfig(dataset="tiny", train=CONFIG))
    killer.join()
    assert killed.is_set()
    assert outcome.nimg == CONFIG.nimg
    assert "resuming at" in run.log.read_text()
    assert steps(outcome.mlflow_run_id) == list(range(80, 1601, 80))
    history = History(run.path).rows()
    assert [row["code"] for row in history if row["event"] == "exit"] == [-signal.SIGKILL, 0]
    assert history[0]["event"] == "asked"
    goodput = Goodput.of(history)
    assert goodput is not None
    assert goodput.total == pytest.approx(history[-1]["at"] - history[0]["since"])
    assert goodput.seconds["restart"] > 0
    assert {"goodput", "cost"} <= dict(outcome.facts()).keys()


def test_a_training_over_the_quota_of_the_day_waits_for_the_next_one(home_dir: Path) -> None:
    run = RunDirectory(home().runs / "next")
    run.path.mkdir(parents=True)
    client, now = connect(home()), datetime.now(UTC)
    used = client.create_run(client.create_experiment("used"), tags={RunTags.name("run"): "earlier"})
    for value, at in [(40.0, now - timedelta(days=2)), (43.0, now)]:  # 3 hours today
        client.log_metric(used.info.run_id, "gpu_hours", value, timestamp=int(at.timestamp() * 1000))
    assert spent_since(client, now - timedelta(days=1)) == Spent(gpu_hours=3.0)

    @flow
    def training() -> None:
        check_quota(str(run.path))

    check_quota(str(run.path))  # no quota was set
    set_quota(ServiceConfig(gpu_hours_per_day=2.5, timezone="Pacific/Auckland"))
    quota = read_quota()
    try:
        with pytest.raises(
            OverQuota, match=r"3 GPU hours of 2\.5\. The next day begins on .* run the same command then"
        ):
            training()
        with get_client(sync_client=True) as server:
            deployment = server.create_deployment(server.create_flow(training), name="gpu")
            started = server.create_flow_run_from_deployment(deployment)
            with pytest.raises(Abort):
                run_engine(training, flow_run=started)
            held = server.read_flow_run(started.id)
    finally:
        Variable.unset(VARIABLE)
    assert held.state is not None
    assert held.state.is_scheduled()
    assert (held.state.name, held.run_count) == (HELD, 1)
    assert "this training then starts by itself" in str(held.state.message)
    midnight = quota.begin_of_day(now) + timedelta(days=1)
    assert held.next_scheduled_start_time is not None
    assert abs(held.next_scheduled_start_time - midnight) <= timedelta(hours=1)  # when clocks are changed
    assert [row["event"] for row in History(run.path).rows()] == ["held", "held"]


def test_a_training_whose_flow_run_is_deleted_stops_with_a_checkpoint(
    dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "LOOK_SECONDS", 0.0)
    config = CONFIG.model_copy(update={"seed": 7, "nimg": 100_000})
    run = RunDirectory(home().runs / plan_run(dataset, config).run)

    def delete() -> None:
        wait_until(lambda: len(run.read_stats()) >= 3)
        with get_client(sync_client=True) as client:
            found = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["train-gan"])))
            for one in [one for one in found if one.state and one.state.is_running()]:
                client.delete_flow_run(one.id)

    killer = threading.Thread(target=delete)
    killer.start()
    with pytest.raises(FlowRunDeleted, match="this flow run was deleted in Prefect"):
        run_flow(TRAIN, TrainGanConfig(dataset="tiny", train=config))
    killer.join()
    status = run.status()
    assert status is not None
    assert status.state == "resumable"
    assert status.nimg > 0
    assert trainer_of(run) is None
    (logged,) = [
        one
        for one in connect(home()).search_runs([connect(home()).get_experiment_by_name("tiny").experiment_id])
        if one.info.run_name == run.name
    ]
    assert logged.info.status == "KILLED"


def test_a_terminated_command_checkpoints_and_the_same_command_goes_on(dataset: str, tmp_path: Path) -> None:
    settings = [f"train.{name}={value}" for name, value in CONFIG.model_dump(mode="json", exclude_unset=True).items()]
    command = [str(SHARDGAN), "train", "--dataset", "tiny", "--json", *settings]
    run = RunDirectory(home().runs / plan_run(dataset, CONFIG).run)
    environment = os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())}

    first = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: first.poll() is not None or len(run.read_stats()) >= 3)
    first.send_signal(signal.SIGTERM)
    output, errors = first.communicate(timeout=60)
    assert first.returncode == 143, errors.decode()
    status = run.status()
    assert status is not None
    assert f"stopped at {status.nimg:,} images; run the same command to continue" in json.loads(output)["error"]
    assert b"Traceback" not in errors
    assert status.state == "resumable"
    assert trainer_of(run) is None
    (logged,) = connect(home()).search_runs([connect(home()).get_experiment_by_name("tiny").experiment_id])
    assert logged.info.status == "KILLED"

    second = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert second.returncode == 0, second.stderr.decode()
    assert f"resuming at {status.nimg:,} images" in run.log.read_text()
    assert steps(logged.info.run_id)[-1] == CONFIG.nimg
    assert len(steps(logged.info.run_id)) == len(set(steps(logged.info.run_id)))
    assert connect(home()).get_run(logged.info.run_id).info.status == "FINISHED"
