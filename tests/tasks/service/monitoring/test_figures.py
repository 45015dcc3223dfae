"""What the endpoint says of a home: datasets, champions, trainings and GPUs, and what it does when a source fails."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client import Metric

from shards.storage.files import write_atomically
from tasks.home import home
from tasks.service.monitoring.champions import Champion, collect_champions, describe_champions
from tasks.service.monitoring.collector import CachedCollector, Source
from tasks.service.monitoring.datasets import DatasetFigures
from tasks.service.monitoring.gpus import collect_gpus, parse
from tasks.service.monitoring.trainings import TrainingFigures
from tasks.trainer.run_directory import RunDirectory
from tests.first_wave import RUN_OF_ONE, RUN_OF_TWO, lay_out_home

Labels = tuple[str, ...]
# Two cards as nvidia-smi 550 prints them; the second one does not tell its power.
TABLE = """0, NVIDIA H100 80GB HBM3, 87, 40960, 81559, 61, 512.40
1, NVIDIA GeForce GTX 1650, 0, 3, 4096, 38, [N/A]
"""


def values(metrics: Iterable[Metric]) -> dict[tuple[str, Labels], float]:
    """The samples by name and values of labels."""
    return {(one.name, tuple(one.labels.values())): one.value for metric in metrics for one in metric.samples}


@pytest.fixture
def first_wave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = lay_out_home(tmp_path)
    monkeypatch.setenv("SHARDGAN_HOME", str(root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return root


def test_datasets_show_their_newest_version_and_its_quarantine(first_wave: Path) -> None:
    figures = DatasetFigures(home())
    found = values(figures.collect())
    assert found["shardgan_dataset_images", ("first", "train")] == 14
    assert found["shardgan_dataset_files", ("first", "quarantined")] == 2
    assert found["shardgan_dataset_quarantined_ratio", ("first",)] == pytest.approx(2 / 28)
    assert found["shardgan_dataset_versions", ("made",)] == 1
    # A damaged version costs its own figures alone; a manifest that was read is not read again.
    (manifest,) = (first_wave / "datasets" / "made").glob("*/manifest.json")
    manifest.write_text("{")
    assert values(figures.collect()) == found
    assert ("shardgan_dataset_bytes", ("made",)) not in values(DatasetFigures(home()).collect())


def test_champions_show_when_they_were_promoted(first_wave: Path) -> None:
    found = values(collect_champions(home(), None))
    assert found["shardgan_champion_info", ("first", "2", "10811a0ddef29a44")] == 1
    assert found["shardgan_champion_timestamp_seconds", ("first",)] > 1.7e9


def test_a_training_shows_its_speed_and_what_is_wrong_while_it_runs(first_wave: Path) -> None:
    figures = TrainingFigures(home())
    found = values(figures.collect())
    assert found["shardgan_trainings", ("done",)] == 2
    assert not any(name == "shardgan_training_images" for name, _ in found)  # old runs cost no series
    run = RunDirectory(home().runs / RUN_OF_ONE)
    with run.lock(), RunDirectory(home().runs / RUN_OF_TWO).follow(0):
        found = values(figures.collect())
        assert found["shardgan_trainings", ("running",)] == 1
        assert found["shardgan_trainings", ("waiting",)] == 1
        before = run.read_stats()
        speed = found["shardgan_training_images_per_second", (RUN_OF_ONE, "first", "dcgan")]
        assert speed == pytest.approx(before[-1]["images_per_second"])
        run.append_stats({"nimg": 999, "event": "collapsed_samples", "action": "told", "reason": "all alike"})
        run.append_stats({"nimg": 1000, "images_per_second": 7.0})
        run.append_outage("mlflow")
        with run.stats.open("a") as file:
            file.write('{"nimg": 10')  # the trainer is writing
        found = values(figures.collect())
        assert found["shardgan_training_images", (RUN_OF_ONE,)] == 1000
        assert found["shardgan_training_health_events_total", (RUN_OF_ONE, "collapsed_samples")] == 1
        assert found["shardgan_training_outages_total", (RUN_OF_ONE, "mlflow")] == 1
        # A resumed trainer cuts the file back and writes it again: nothing is counted twice.
        write_atomically(run.stats, json.dumps(before[0]) + "\n")
        found = values(figures.collect())
        assert found["shardgan_training_images", (RUN_OF_ONE,)] == before[0]["nimg"]
        assert ("shardgan_training_health_events_total", (RUN_OF_ONE, "collapsed_samples")) not in found


def test_gpus_are_described_by_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = values(parse(TABLE))
    assert found["shardgan_gpu_utilization_ratio", ("0", "NVIDIA H100 80GB HBM3")] == pytest.approx(0.87)
    assert found["shardgan_gpu_memory_used_bytes", ("1", "NVIDIA GeForce GTX 1650")] == 3 * 2**20
    assert ("shardgan_gpu_power_watts", ("1", "NVIDIA GeForce GTX 1650")) not in found
    monkeypatch.setenv("PATH", str(tmp_path))
    assert values(collect_gpus()) == {}  # a machine without a driver
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho '{TABLE.splitlines()[0]}'\n")
    program.chmod(0o755)
    assert values(collect_gpus())["shardgan_gpu_power_watts", ("0", "NVIDIA H100 80GB HBM3")] == pytest.approx(512.4)


def test_a_source_that_fails_is_counted_and_costs_its_own_figures_alone(first_wave: Path) -> None:
    asked: list[str] = []

    def fail() -> Iterable[Metric]:
        asked.append("broken")
        raise ConnectionError("refused")

    sources = [Source("broken", fail), Source("datasets", DatasetFigures(home()).collect)]
    eager = CachedCollector(sources, cache_seconds=0)
    eager.collect()
    found = values(eager.collect())
    assert found["shardgan_source_up", ("broken",)] == 0
    assert found["shardgan_source_failures_total", ("broken",)] == 2
    assert found["shardgan_source_up", ("datasets",)] == 1
    assert found["shardgan_dataset_images", ("first", "val")] == 11
    asked.clear()
    patient = CachedCollector(sources, cache_seconds=3600)
    assert values(patient.collect()) == values(patient.collect())
    assert asked == ["broken"]  # the second answer came from memory


def test_scores_of_a_champion_that_are_no_numbers_are_left_out() -> None:
    tags = {"score.recall": "0.5", "score.FD-MobileNetV2": "12.25", "score.odd": "many", "gate.at": "yesterday"}
    found = values(describe_champions([Champion("m", "3", 1000.0, tags)]))
    assert found["shardgan_champion_score", ("m", "recall")] == pytest.approx(0.5)
    assert found["shardgan_champion_timestamp_seconds", ("m",)] == 1000  # when it was registered
    assert ("shardgan_champion_score", ("m", "odd")) not in found
