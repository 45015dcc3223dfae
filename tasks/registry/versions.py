"""Registration of generators as model versions that load anywhere, and the two aliases of a model.

`challenger` is set on registering. `champion` is moved by tasks.registry.champion alone.
"""

import json
import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from shards.images.containers import marking
from tasks.errors import RegistryError
from tasks.flow_runs.announcements import announce_model
from tasks.flow_runs.assets import record_model
from tasks.home import home
from tasks.registry.config import SignConfig
from tasks.registry.packaging.export import export_graphs
from tasks.registry.signing import (
    MODEL_SIGNATURE,
    SignOutcome,
    accept_version,
    check_keys,
    fetched_model,
    make_signature,
)
from tasks.tracking.descriptions import write_descriptions
from tasks.tracking.model_ref import CHALLENGER, CHAMPION, ModelRef
from tasks.tracking.runs import connect, parents_json
from tasks.tracking.tags import VersionTags
from tasks.trainer.run_directory import RunDirectory

logger = logging.getLogger(__name__)
REQUIREMENTS = ("mlflow", "torch", "numpy", "pandas", "pillow", "safetensors")
ARTIFACT_FILES = {
    "weights": "weights.safetensors",
    "network": "network.py",
    "spec": "spec.json",
    "marking": "marking.py",  # versions of old releases do not have it, and do not mark their images
    "shield": "shield.safetensors",  # only from trainings with train.shield.policy=gate
}
CODE = Path(__file__).parent / "packaging" / "generator_pyfunc.py"
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
    """Register the run's best generator as `name` and make it the challenger.

    A run that was registered before keeps its version.
    """
    if known := find_version(client, name, run_id=mlflow_run_id):
        logger.info("run %s is registered already, as %s version %s", run.name, name, known.version)
        _make_challenger(client, known)
        return known
    with tempfile.TemporaryDirectory() as folder:
        artifacts, digests = export_generator(run, Path(folder), name)
        spec = json.loads(artifacts["spec"].read_text())
        graphs = export_graphs(run.config().network, artifacts["weights"], Path(folder))
        artifacts |= {name: graph.path for name, graph in graphs.items()}
        with _no_bytecode():
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
    tags = VersionTags(
        run=run.name,
        dataset=config.dataset,
        dataset_version=config.dataset_version,
        manifest=config.manifest,
        commit=config.commit,
        weights_sha256=digests["weights"],
        nimg=spec["nimg"],
        nimg_seen=status.nimg if (status := run.status()) else 0,
        chosen=spec["chosen"],
        feature_nets=json.dumps(config.nets_used()),
        graph_sha256={name: graph.sha256 for name, graph in graphs.items()},
        graph_difference={name: f"{graph.max_abs_difference:.3g}" for name, graph in graphs.items()},
    )
    shield = VersionTags(shield_sha256=digests["shield"]) if "shield" in digests else VersionTags()
    blend = VersionTags(parents=parents_json(config)) if config.parents else VersionTags()
    all_tags = tags.as_tags() | shield.as_tags() | blend.as_tags() | seal.as_tags()
    version = mlflow.register_model(logged.model_uri, name, tags=all_tags)
    _make_challenger(client, version)
    write_descriptions(client, version)
    announce_model(version)
    record_model(version)
    return version


@contextmanager
def _no_bytecode() -> Iterator[None]:
    """Keep Python from writing bytecode: MLflow loads a new version in the folder whose files will be signed."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _make_challenger(client: MlflowClient, version: ModelVersion) -> None:
    """Point the alias challenger at this version, unless it points at a later one."""
    present = client.get_registered_model(version.name).aliases.get(CHALLENGER)
    if present is None or int(present) < int(version.version):
        client.set_registered_model_alias(version.name, CHALLENGER, version.version)


def seal_model(client: MlflowClient, logged: ModelInfo, given: Mapping[str, str]) -> VersionTags:
    """Sign a model's files if a key is set. Returns the tags by which the files are verified later.

    `logged` is what MLflow says it stored, `given` the sha256 of each file that it was given, by its path in the model.
    Raises RegistryError if other files are stored, because the signature would then confirm those.
    """
    model_id = str(logged.model_id)
    with fetched_model(f"models:/{model_id}") as folder:
        if Model.load(str(folder)).flavors != logged.flavors:  # what is run when it is loaded
            raise RegistryError(f"MLflow stored another MLmodel for {model_id} than it wrote: register it again")
        for name, expected in given.items():
            if file_sha256(folder / name) != expected:
                raise RegistryError(f"MLflow stored another {name} for {model_id} than it was given: register it again")
        tags = make_signature(folder)
        if tags.signed_by:
            client.log_model_artifact(model_id, str(folder / MODEL_SIGNATURE))
    return tags


def export_generator(run: RunDirectory, folder: Path, name: str = "") -> tuple[dict[str, Path], dict[str, str]]:
    """Write the averaged generator as weights, code and spec into `folder`. Return paths and sha256 by name.

    The generator is taken from the checkpoint with the best quick score, or from the newest one if there are no scores.
    `name` is the name of the registered model, which generated images state as their origin. Raises CheckpointError if
    the run has no complete checkpoint.
    """
    store = CheckpointStore(run.checkpoints)
    best = store.best()
    checkpoint = store.load_best() if best else store.load_latest()
    if checkpoint is None:
        raise CheckpointError(f"{run.checkpoints} has no complete checkpoint: train the run first")
    config = run.config()
    paths = {name: folder / file for name, file in ARTIFACT_FILES.items()}
    save_file(checkpoint.part("ema"), paths["weights"])
    if shield := checkpoint.part("shield"):
        save_file(screener_tensors(shield), paths["shield"])
    else:
        del paths["shield"]
    paths["network"].write_bytes(config.network.source_file().read_bytes())
    paths["marking"].write_bytes(Path(marking.__file__).read_bytes())
    digests = {name: file_sha256(path) for name, path in paths.items() if name != "spec"}
    spec = {
        "model": f"models:/{name}" if name else f"run {run.name}",
        "family": config.network.family,
        "arguments": config.network.generator_arguments(),
        "labels": config.labels,
        "nimg": checkpoint.nimg,
        "chosen": why_chosen(checkpoint.nimg, best, run.read_scores()),
        "sha256": digests,
    }
    paths["spec"].write_text(json.dumps(spec, indent=1))
    return paths, digests


def why_chosen(nimg: int, best: Best | None, scores: Sequence[Mapping[str, Any]]) -> str:
    """Say in words why the checkpoint at `nimg` is the one that is registered; `scores` are lines of scores.jsonl."""
    if best is None:
        return f"newest checkpoint, at {nimg:,} images; none was scored"
    of = f"{best.name} {best.value:.4g} under protocol {best.protocol}, at {best.nimg:,} images"
    if best.nimg != nimg:
        return f"newest complete checkpoint, at {nimg:,} images; the best ({of}) is damaged"
    last = scores[-1] if scores else None
    if last is None or last["nimg"] == nimg:
        compared = "it is the last one" if last else ""
    else:
        compared = f"the last one, at {last['nimg']:,} images, had {last['value']:.4g}"
    return f"best of {len(scores)} scored checkpoints: {of}" + (f"; {compared}" if compared else "")


def pinned_requirements() -> list[str]:
    """Return the packages that a consumer needs, at the versions of this process."""
    return [f"{name}=={metadata.version(name).partition('+')[0]}" for name in REQUIREMENTS]


def find_version(client: MlflowClient, name: str, *, run_id: str) -> ModelVersion | None:
    """Return the version of `name` that the MLflow run made, or None."""
    found = client.search_model_versions(f"name = '{name}' and run_id = '{run_id}'")
    return max(found, key=lambda version: int(version.version), default=None)


def find_version_of(client: MlflowClient, name: str, *, run: str) -> ModelVersion | None:
    """Return the newest version of `name` that the training `run` made, on any machine, or None."""
    found = client.search_model_versions(f"name = '{name}' and tags.`{VersionTags.name('run')}` = '{run}'")
    return max(found, key=lambda version: int(version.version), default=None)


def find_champion(client: MlflowClient, name: str) -> ModelVersion | None:
    """Return the version that has the alias champion, or None."""
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
            return None
        raise


def resolve_version(client: MlflowClient, text: str) -> ModelVersion:
    """Return the version that a reference names. Raises RegistryError if there is none."""
    ref = ModelRef.parse(text)
    try:
        if ref.version:
            return client.get_model_version(ref.name, ref.version)
        return client.get_model_version_by_alias(ref.name, ref.alias)
    except MlflowException as error:
        known = ", ".join(model.name for model in client.search_registered_models()) or "none"
        raise RegistryError(f"the registry has no {text} ({error.message}); registered models: {known}") from error


def sign_version(config: SignConfig) -> SignOutcome:
    """Sign the present files of the version that `config` names. Raises RegistryError when they were altered."""
    check_keys()
    client = connect(home())
    return accept_version(client, resolve_version(client, config.model))
