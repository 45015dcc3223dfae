"""Dataset and model versions as Prefect assets, each with its inputs.

A new version emits `prefect.asset.materialization.succeeded` for the resource `shardgan://datasets/<name>/<version>` or
`shardgan://models/<name>/<version>`. The payload describes the version. A trigger may match `shardgan://datasets/emoji/*`.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prefect.assets import Asset, AssetProperties, add_asset_metadata, materialize

from tasks.flow_runs.artifacts import in_run
from tasks.tracking.tags import short_tags

if TYPE_CHECKING:  # a build needs no MLflow
    from mlflow.entities.model_registry import ModelVersion

FORBIDDEN = re.compile(r"[^A-Za-z0-9._-]")


def dataset_key(name: str, version: str) -> str:
    """Return the asset key of a dataset version."""
    return f"shardgan://datasets/{FORBIDDEN.sub('-', name)}/{version}"


def model_key(name: str, version: str) -> str:
    """Return the asset key of a registered version."""
    return f"shardgan://models/{FORBIDDEN.sub('-', name)}/{version}"


def record_dataset(name: str, version: str, facts: dict[str, Any], made_from: Sequence[str] = ()) -> None:
    """Report a new dataset version to Prefect. `made_from` contains the keys of its input assets."""
    _record(dataset_key(name, version), f"{name}@{version}", facts, made_from)


def record_model(version: "ModelVersion") -> None:
    """Report a newly registered version to Prefect, and the dataset version that it was trained on."""
    tags = short_tags(version)
    facts = {"name": version.name, "version": str(version.version), "mlflow_run_id": version.run_id, **tags}
    dataset = dataset_key(tags["dataset"], tags["dataset_version"])
    _record(
        model_key(version.name, str(version.version)), f"{version.name} version {version.version}", facts, [dataset]
    )


def _record(key: str, name: str, facts: dict[str, Any], made_from: Sequence[str]) -> None:
    if not in_run():
        return
    asset = Asset(key=key, properties=AssetProperties(name=name))

    @materialize(asset, asset_deps=list(made_from), name="record-version", task_run_name=f"record-{name}")
    def record() -> None:
        add_asset_metadata(asset, facts)

    record()
