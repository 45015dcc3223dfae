"""Sharding as a flow: on this machine, and on a real Dask cluster of two processes."""

from pathlib import Path

import pytest
from distributed import LocalCluster
from prefect.client.orchestration import get_client

from flows.configs import BuildDatasetConfig
from flows.stages.build_dataset import build_dataset
from shards import ShardConfig

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def config(collection: Path) -> ShardConfig:
    return ShardConfig(source=str(collection), dataset="tiny", resolution=16, val_fraction=0.3, workers=1)


def artifacts() -> dict[str, object]:
    with get_client(sync_client=True) as client:
        return {str(artifact.key): artifact.data for artifact in client.read_artifacts()}


def test_a_cluster_gives_the_same_bytes_as_this_machine(
    config: ShardConfig, home_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = build_dataset(BuildDatasetConfig(shard=config))
    monkeypatch.setenv("SHARDGAN_HOME", str(tmp_path / "other-home"))
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        there = build_dataset(BuildDatasetConfig(shard=config, dask_scheduler=cluster.scheduler_address))
    assert (there.version, there.kept, there.quarantined) == (here.version, here.kept, here.quarantined)
    ours, theirs = (sorted(Path(outcome.manifest).parent.glob("*.tar")) for outcome in (here, there))
    assert [path.name for path in ours] == [path.name for path in theirs]
    assert all(one.read_bytes() == other.read_bytes() for one, other in zip(ours, theirs, strict=True))


def test_what_became_of_the_files_is_shown_in_prefect(config: ShardConfig, home_dir: Path) -> None:
    build_dataset(BuildDatasetConfig(shard=config))
    shown = artifacts()
    assert '"quarantined: truncated"' in str(shown["dataset-counts"])
    assert str(shown["contact-sheet"]).startswith("data:image/jpeg;base64,")
    assert shown["sharding"] == 100.0
