"""Initial weights of a training: from a registered version, a run, or a checkpoint."""

import logging
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from models.training.checkpoints import TENSORS, CheckpointStore, file_sha256
from tasks.errors import RequestError
from tasks.home import home
from tasks.registry.signing import proven_model
from tasks.registry.versions import ARTIFACT_FILES, resolve_version
from tasks.tracking.model_ref import ModelRef, uri_of
from tasks.tracking.runs import connect
from tasks.tracking.tags import NETS_BEFORE, VersionTags
from tasks.trainer.run_directory import RunDirectory

logger = logging.getLogger(__name__)


class Start(NamedTuple):
    """Weights to start from.

    `path` is a file of tensors, or a model URI if only the registry has the weights. `family` is empty if it is not
    known, for a checkpoint that was copied out of its run.
    """

    path: str
    sha256: str
    nets: dict[str, str]  # the feature nets that their training used, each with its use
    family: str = ""
    preset: str = "auto"


def find_start(uri: str) -> Start | None:
    """Find the weights that `train.init` names. Return None if it is empty. Nothing is fetched.

    Raises RequestError if nothing has this name, and RegistryError if the model is not registered.
    """
    if not uri:
        return None
    if ModelRef.is_uri(uri):
        return _of_model(uri)
    path = Path(uri)
    return _of_checkpoint(path / TENSORS) if (path / TENSORS).exists() else _of_run(path, uri)


def fetch_start(start: Start, target: Path) -> None:
    """Write the weights to the file `target`.

    Raises RequestError if the weights have changed since they were found, and RegistryError if a version's files
    are not the registered ones.
    """
    if ModelRef.is_uri(start.path):
        with proven_model(resolve_version(connect(home()), start.path)) as folder:
            data = (folder / "artifacts" / ARTIFACT_FILES["weights"]).read_bytes()
    else:
        data = Path(start.path).read_bytes()
    partial = target.with_name(f".{target.name}.partial")
    partial.write_bytes(data)
    if (found := file_sha256(partial)) != start.sha256:
        partial.unlink()
        raise RequestError(f"train.init: {start.path} has sha256 {found[:12]}, expected {start.sha256[:12]}")
    partial.replace(target)


def _of_model(uri: str) -> Start:
    client = connect(home())
    version = resolve_version(client, uri)
    tags = VersionTags.of(version, "weights_sha256")
    store = CheckpointStore(home().runs / Path(tags.run).name / "checkpoints")
    registered = store.path(tags.nimg)
    nets = tags.nets_used()
    if registered in store.committed():
        return _of_checkpoint(registered / TENSORS)._replace(nets=nets)
    logger.warning(
        "train.init: the checkpoint of %s is not on this machine, so the discriminator starts from random weights", uri
    )
    params = client.get_run(str(version.run_id)).data.params if version.run_id else {}
    chosen = params.get("train.family", ""), params.get("train.preset", "auto")
    return Start(uri_of(version), tags.weights_sha256, nets, *chosen)


def _of_run(path: Path, uri: str) -> Start:
    committed = CheckpointStore(path / "checkpoints").committed()
    if not committed:
        raise RequestError(
            f"train.init is {uri!r}: expected models:/name@champion, a run directory or one of its checkpoints"
        )
    return _of_checkpoint(committed[-1] / TENSORS)


def _of_checkpoint(path: Path) -> Start:
    run = RunDirectory(path.parent.parent.parent)  # RUN/checkpoints/NUMBER/tensors
    try:
        config = run.config()
    except (OSError, ValidationError):  # a checkpoint that was copied elsewhere
        return Start(str(path), file_sha256(path), NETS_BEFORE)
    return Start(str(path), file_sha256(path), config.nets_used(), config.network.family, config.train.preset)
