import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from models.networks.families import NetworkSpec
from models.training.loop import TrainConfig
from tasks.errors import RequestError, RunLocked
from tasks.trainer.run_directory import RunConfig, RunDirectory, StatsFollower


@pytest.fixture
def config() -> RunConfig:
    network = NetworkSpec(family="dcgan", resolution=16, channels=1, num_classes=0, latent_dim=4, width=4)
    return RunConfig(
        run="r",
        manifest="/data/manifest.json",
        dataset="d",
        dataset_version="v",
        labels=[],
        network=network,
        train=TrainConfig(family="dcgan"),
        commit="c",
    )


@pytest.fixture
def run(tmp_path: Path, config: RunConfig) -> RunDirectory:
    run = RunDirectory(tmp_path / "r")
    run.create(config)
    return run


def test_the_config_is_read_back(run: RunDirectory, config: RunConfig) -> None:
    assert run.config() == config


def test_the_same_request_finds_the_same_directory(run: RunDirectory, config: RunConfig) -> None:
    run.create(config.model_copy(update={"commit": "a later one"}))
    assert run.config() == config


def test_a_run_whose_initial_weights_had_no_known_nets_is_found(run: RunDirectory, config: RunConfig) -> None:
    run.create(config.model_copy(update={"init_nets": {"mobilenetv2": "it chose"}}))
    assert run.config() == config


def test_the_nets_of_the_initial_weights_count_as_used(config: RunConfig) -> None:
    started = config.model_copy(update={"init_nets": {"mobilenetv2": "the discriminator sees its features"}})
    assert started.nets_used() == config.train.feature_nets_used() | {
        "mobilenetv2": "the initial weights come from a training that used it: the discriminator sees its features"
    }


def test_another_request_under_the_same_name_is_refused(run: RunDirectory, config: RunConfig) -> None:
    other = config.model_copy(update={"train": TrainConfig(family="dcgan", seed=1)})
    with pytest.raises(RequestError, match="exists with other settings"):
        run.create(other)


def test_status(run: RunDirectory) -> None:
    assert run.status() is None
    run.set_status("resumable", 7, "why")
    status = run.status()
    assert status is not None
    assert (status.state, status.nimg, status.reason) == ("resumable", 7, "why")


@pytest.mark.parametrize(
    "content", ["", "{", '{"state": "champion", "nimg": 7}', '{"state": "done", "nimg": -1e999}', "\xff"]
)
def test_a_damaged_status_is_told_with_a_way_past(run: RunDirectory, content: str) -> None:
    (run.path / "status.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(RequestError, match="is damaged: delete it"):
        run.status()
    (run.path / "status.json").unlink()
    assert run.status() is None


def hold_lock(path: Path, ready: "multiprocessing.synchronize.Event") -> None:
    with RunDirectory(path).lock():
        ready.set()
        signal.pause()


def test_one_trainer_at_a_time_and_a_killed_one_frees_the_lock_at_once(run: RunDirectory) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=hold_lock, args=(run.path, ready))
    holder.start()
    assert ready.wait(60)
    assert run.is_locked()
    with pytest.raises(RunLocked, match="another trainer works in"), run.lock():
        pass
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with run.lock():
        assert run.is_locked()
    assert not run.is_locked()


def test_stats_are_followed_line_by_line(run: RunDirectory) -> None:
    follower = StatsFollower(run)
    assert follower.read() == []
    run.append_stats({"nimg": 1, "loss": 0.5})
    run.append_stats({"nimg": 2, "loss": 0.25})
    assert [row["nimg"] for row in follower.read()] == [1, 2]
    with run.stats.open("a") as file:
        file.write('{"nimg": 3, "lo')
    assert follower.read() == []
    with run.stats.open("a") as file:
        file.write('ss": 0.1}\n')
    assert follower.read() == [{"nimg": 3, "loss": 0.1}]


def test_stats_cut_back_are_read_from_the_start(run: RunDirectory) -> None:
    follower = StatsFollower(run)
    for nimg in (1, 2, 3):
        run.append_stats({"nimg": nimg})
    follower.read()
    run.cut_stats(1)
    run.append_stats({"nimg": 2})
    assert [row["nimg"] for row in follower.read()] == [1, 2]


def test_a_value_that_json_has_no_word_for_is_refused(run: RunDirectory) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.append_stats({"nimg": 1, "loss": float("nan")})


def test_samples_are_listed_by_images_seen(run: RunDirectory) -> None:
    for name in ("000000000200", "000000000010", "real"):
        run.write_sample(name, b"png")
    assert [nimg for nimg, _ in run.list_samples()] == [10, 200]
