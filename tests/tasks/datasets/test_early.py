"""A build that begins while its command still starts: its task takes the outcome, and nobody builds twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from shards import BuildProgress, Dataset, ShardConfig, SourceError
from tasks.datasets.early import EarlyBuild
from tasks.home import home


@pytest.fixture
def config(home_dir: Path, collection: Path) -> Iterator[ShardConfig]:
    yield ShardConfig(source=str(collection), dataset="tiny", resolution=16, workers=1)
    EarlyBuild.stop_unused()


def test_the_task_takes_the_build_once_and_shows_its_progress(config: ShardConfig) -> None:
    EarlyBuild.start(config)
    assert EarlyBuild.take(config.model_copy(update={"resolution": 32})) is None
    early = EarlyBuild.take(config)
    assert early
    assert EarlyBuild.take(config) is None
    told: list[BuildProgress] = []
    outcome = early.follow(told.append)
    assert Dataset.open(outcome.manifest).manifest.resolution == 16
    assert told[-1].kept == outcome.kept


def test_an_error_of_the_build_is_raised_in_the_task(config: ShardConfig, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("not an image")
    wrong = config.model_copy(update={"source": str(tmp_path / "texts")})
    EarlyBuild.start(wrong)
    early = EarlyBuild.take(wrong)
    assert early
    with pytest.raises(SourceError):
        early.follow(lambda _: None)


def test_a_dataset_on_which_another_run_works_is_left_alone(config: ShardConfig) -> None:
    lock = home().root / "locks" / "tiny.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock, thread_local=False):
        EarlyBuild.start(config)
    assert EarlyBuild.take(config) is None


def test_an_interrupted_wait_stops_the_build(config: ShardConfig) -> None:
    EarlyBuild.start(config)
    early = EarlyBuild.take(config)
    assert early

    def interrupt(_: BuildProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        early.follow(interrupt)
    assert not early.is_running
