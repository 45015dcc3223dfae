"""The model registry: versions that load anywhere, and the two aliases.

`challenger` is set on registering; `champion` is moved by tasks.registry.promotion alone.
"""

import json
import logging
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.tracking import MlflowClient
from mlflow.types.schema import ColSpec, DataType, Schema
from safetensors.torch import save_file

from models.errors import CheckpointError
from models.shield.screening import screener_tensors
from models.training.checkpoints import Best, CheckpointStore, file_sha256
from tasks.errors import RegistryError
from tasks.flow_runs.announcements import announce_model
from tasks.flow_runs.assets import record_model
from tasks.home import home
from tasks.registry.config import SignConfig
from tasks.registry.export import ExportedGraph, export_graphs
from tasks.registry.signing import (
    MODEL_SIGNATURE,
    SIGNER_TAG,
    SignOutcome,
    accept_version,
    check_keys,
    fetched_model,
    make_signature,
    proven_model,
)
from tasks.tracking.runs import connect
from tasks.trainer.run_directory import RunDirectory

logger = logging.getLogger(__name__)
CHALLENGER = "challenger"
CHAMPION = "champion"
REQUIREMENTS = ("mlflow", "torch", "numpy", "pandas", "pillow", "safetensors")
ARTIFACT_FILES = {
    "weights": "weights.safetensors",
    "network": "network.py",
    "spec": "spec.json",
    "shield": "shield.safetensors",  # of trainings with train.shield.policy=gate alone
}
CODE = Path(__file__).with_name("generator_pyfunc.py")
SIGNATURE = ModelSignature(
    inputs=Schema(
        [
            ColSpec(DataType.long, "num_images"),
            ColSpec(DataType.long, "seed"),
            ColSpec(DataType.long, "label", required=False),
            ColSpec(DataType.double, "truncation", required=False),
            ColSpec(DataType.string, "format", required=False),
        ]
    ),
    outputs=Schema(
        [ColSpec(DataType.binary, "image"), ColSpec(DataType.long, "seed"), ColSpec(DataType.long, "label")]
    ),
)
INPUT_EXAMPLE = pd.DataFrame({"num_images": [4], "seed": [0], "label": [-1], "truncation": [1.0], "format": ["png"]})


def register(client: MlflowClient, run: RunDirectory, mlflow_run_id: str, name: str) -> ModelVersion:
    """Register the run's best generator as `name` and make it the challenger; a run that has a version keeps it."""
    if known := find_version(client, name, run_id=mlflow_run_id):
        logger.info("run %s is registered already, as %s version %s", run.name, name, known.version)
        _make_challenger(client, known)
        return known
    with tempfile.TemporaryDirectory() as folder:
        artifacts, digests = export_generator(run, Path(folder))
        spec = json.loads(artifacts["spec"].read_text())
        graphs = export_graphs(run.config().network, artifacts["weights"], Path(folder))
        artifacts |= {name: graph.path for name, graph in graphs.items()}
        logged = Model.log(
            artifact_path=None,
            name="generator",
            flavor=mlflow.pyfunc,
            python_model=str(CODE),
            artifacts={key: str(path) for key, path in artifacts.items()},
            signature=SIGNATURE,
            input_example=INPUT_EXAMPLE,
            pip_requirements=pinned_requirements(),
            run_id=mlflow_run_id,
        )
        given = {f"artifacts/{path.name}": file_sha256(path) for path in artifacts.values()}
    seal = seal_model(client, logged, given | {CODE.name: file_sha256(CODE)})
    config = run.config()
    tags = {
        "shardgan.run": run.name,
        "shardgan.dataset": config.dataset,
        "shardgan.dataset_version": config.dataset_version,
        "shardgan.manifest": config.manifest,
        "shardgan.commit": config.commit,
        "shardgan.weights_sha256": digests["weights"],
        "shardgan.nimg": str(spec["nimg"]),
        "shardgan.nimg_seen": str(status.nimg) if (status := run.status()) else "0",
        "shardgan.chosen": spec["chosen"],
        **({"shardgan.shield_sha256": digests["shield"]} if "shield" in digests else {}),
        **graph_tags(graphs),
        **seal,
    }
    version = mlflow.register_model(logged.model_uri, name, tags=tags)
    _make_challenger(client, version)
    announce_model(version)
    record_model(version)
    return version


def _make_challenger(client: MlflowClient, version: ModelVersion) -> None:
    """Let the alias stand for this version, unless it stands for a later one."""
    present = client.get_registered_model(version.name).aliases.get(CHALLENGER)
    if present is None or int(present) < int(version.version):
        client.set_registered_model_alias(version.name, CHALLENGER, version.version)


def seal_model(client: MlflowClient, logged: ModelInfo, given: Mapping[str, str]) -> dict[str, str]:
    """Sign a model's files where there is a key; returns the tags by which they are known again.

    `logged` is what MLflow says it stored, `given` the sha256 of each file that it was given, by its path in the model.
    Raises RegistryError where what lies there is not that: a signature would vouch for it.
    """
    model_id = str(logged.model_id)
    with fetched_model(f"models:/{model_id}") as folder:
        if Model.load(str(folder)).flavors != logged.flavors:  # what is run when it is loaded
            raise RegistryError(f"MLflow stored another MLmodel for {model_id} than it wrote: register it again")
        for name, expected in given.items():
            if file_sha256(folder / name) != expected:
                raise RegistryError(f"MLflow stored another {name} for {model_id} than it was given: register it again")
        tags = make_signature(folder)
        if SIGNER_TAG in tags:
            client.log_model_artifact(model_id, str(folder / MODEL_SIGNATURE))
    return tags


def export_generator(run: RunDirectory, folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Write the averaged generator as weights, network code and spec into `folder`; returns paths and sha256 by name.

    It is that of the checkpoint with the best quick score, or of the newest where there are no scores. Raises
    CheckpointError where the run has no whole checkpoint.
    """
    store = CheckpointStore(run.checkpoints)
    best = store.best()
    checkpoint = store.load_best() if best else store.load_latest()
    if checkpoint is None:
        raise CheckpointError(f"{run.checkpoints} holds no whole checkpoint: train the run first")
    config = run.config()
    paths = {name: folder / file for name, file in ARTIFACT_FILES.items()}
    save_file(checkpoint.part("ema"), paths["weights"])
    if shield := checkpoint.part("shield"):
        save_file(screener_tensors(shield), paths["shield"])
    else:
        del paths["shield"]
    paths["network"].write_bytes(config.network.source_file().read_bytes())
    digests = {name: file_sha256(path) for name, path in paths.items() if name != "spec"}
    spec = {
        "family": config.network.family,
        "arguments": config.network.generator_arguments(),
        "labels": config.labels,
        "nimg": checkpoint.nimg,
        "chosen": why_chosen(checkpoint.nimg, best, len(run.read_scores())),
        "sha256": digests,
    }
    paths["spec"].write_text(json.dumps(spec, indent=1))
    return paths, digests


def why_chosen(nimg: int, best: Best | None, num_scores: int) -> str:
    """What made the checkpoint at `nimg` the one that is registered, in words."""
    if best is None:
        return f"newest checkpoint, at {nimg:,} images; none was scored"
    of = f"{best.name} {best.value:.4g} under protocol {best.protocol}, at {best.nimg:,} images"
    if best.nimg != nimg:
        return f"newest whole checkpoint, at {nimg:,} images; the best ({of}) is damaged"
    return f"best of {num_scores} quick scores: {of}"


def graph_tags(graphs: Mapping[str, ExportedGraph]) -> dict[str, str]:
    """Each exported file's sha256, and how far its images lie from the network's in [-1, 1]."""
    tags = {}
    for name, graph in graphs.items():
        tags[f"shardgan.{name}.sha256"] = graph.sha256
        tags[f"shardgan.{name}.max_abs_difference"] = f"{graph.max_abs_difference:.3g}"
    return tags


def pinned_requirements() -> list[str]:
    """What a consumer needs, at the versions that this process has."""
    return [f"{name}=={metadata.version(name).partition('+')[0]}" for name in REQUIREMENTS]


def find_version(client: MlflowClient, name: str, *, run_id: str) -> ModelVersion | None:
    """The version of `name` that `run_id` made, if there is one."""
    found = client.search_model_versions(f"name = '{name}' and run_id = '{run_id}'")
    return max(found, key=lambda version: int(version.version), default=None)


def find_version_of(client: MlflowClient, name: str, *, run: str) -> ModelVersion | None:
    """The newest version of `name` that the training `run` made, on whichever machine."""
    found = client.search_model_versions(f"name = '{name}' and tags.`shardgan.run` = '{run}'")
    return max(found, key=lambda version: int(version.version), default=None)


def find_champion(client: MlflowClient, name: str) -> ModelVersion | None:
    """The version that carries the alias champion, if there is one."""
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
            return None
        raise


def resolve_version(client: MlflowClient, uri: str) -> ModelVersion:
    """The version that `models:/name/3`, `models:/name@alias` or a bare `name` (its challenger) stands for.

    Raises RegistryError where there is none.
    """
    name, alias, number = split_model_uri(uri)
    try:
        if number:
            return client.get_model_version(name, number)
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        known = ", ".join(model.name for model in client.search_registered_models()) or "none"
        raise RegistryError(f"the registry has no {uri} ({error.message}); registered models: {known}") from error


def split_model_uri(uri: str) -> tuple[str, str, str]:
    """(name, alias, number) of a model URI; alias is challenger where none is given."""
    path = uri.removeprefix("models:/")
    name, _, alias = path.partition("@")
    name, _, number = name.partition("/")
    if not name or "/" in number or (number and not number.isdigit()):
        raise RegistryError(f"{uri!r} is no model: expected models:/name/3, models:/name@champion or a name")
    return name, alias or CHALLENGER, number


def load_pyfunc(version: ModelVersion) -> Any:
    """The version as consumers load it, proven first; raises RegistryError where it is not what was registered."""
    with proven_model(version) as folder:
        return mlflow.pyfunc.load_model(str(folder))


def sign_version(config: SignConfig) -> SignOutcome:
    """Sign the version that `config` names, as its files are now; raises RegistryError where these were altered."""
    check_keys()
    client = connect(home())
    return accept_version(client, resolve_version(client, config.model))


def tag_version(client: MlflowClient, version: ModelVersion, tags: Mapping[str, str]) -> None:
    """Add `tags` to the version."""
    for key, value in tags.items():
        client.set_model_version_tag(version.name, version.version, key, value)
