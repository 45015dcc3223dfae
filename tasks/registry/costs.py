"""What registered versions took: training, evaluations, and the training that the weights came from."""

from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from pydantic import ValidationError

from tasks.errors import RegistryError
from tasks.registry.versions import resolve_version
from tasks.tracking.descriptions import write_descriptions
from tasks.tracking.model_ref import ModelRef, uri_of
from tasks.tracking.tags import VersionTags
from tasks.trainer.costs.cost import Cost, VersionCost
from tasks.trainer.costs.history import History
from tasks.trainer.run_directory import RunDirectory

__all__ = ["add_evaluation", "add_training", "cost_of_run", "read_cost"]

MOST_TRAININGS = 100  # in a chain of trainings, each of which started from the one before


def cost_of_run(client: MlflowClient, run: RunDirectory, most: int = MOST_TRAININGS) -> VersionCost:
    """Return what the training in this directory took, with all restarts, and what came before it."""
    name, before = _started_from(client, run, most)
    return VersionCost(training=Cost.of_run(History(run.path).rows()), started_from=name, before=before)


def add_training(client: MlflowClient, version: ModelVersion, run: RunDirectory) -> None:
    """Record with the version what its training took. Its evaluations so far stay."""
    _write(client, version, cost_of_run(client, run).model_copy(update={"evaluation": read_cost(version).evaluation}))


def add_evaluation(client: MlflowClient, version: ModelVersion, cost: Cost) -> None:
    """Add one evaluation to what the version took."""
    present = client.get_model_version(version.name, version.version)
    _write(client, present, read_cost(present).with_evaluation(cost))


def _write(client: MlflowClient, version: ModelVersion, cost: VersionCost) -> None:
    """Keep the cost with the version, as JSON and in words for people who look at the registry."""
    if cost.total is not None:
        words = cost.total.words() if cost.training else ""  # older releases did not record their trainings
        VersionTags(cost=cost.model_dump_json(), cost_words=words).write(client, version)
        write_descriptions(client, version)


def read_cost(version: ModelVersion) -> VersionCost:
    """Read the cost of a version from its tags. Empty for versions of releases that did not record it."""
    text = VersionTags.of(version).cost
    try:
        return VersionCost.model_validate_json(text) if text else VersionCost()
    except ValidationError as error:
        raise RegistryError(
            f"{uri_of(version)}: the tag {VersionTags.name('cost')} is not valid: {error.errors()[0]['msg']}; delete it"
        ) from error


def _started_from(client: MlflowClient, run: RunDirectory, most: int) -> tuple[str, Cost | None]:
    """Return the name and the cost of the version or run from which this training started."""
    config = run.config()
    if not config.train.init or not most:
        return "", None
    if version := _version_of(client, config.train.init, config.init_sha256):
        return uri_of(version), read_cost(version).lineage
    path = Path(config.train.init)
    folder = next((one for one in (path, *path.parents) if (one / "config.json").exists()), None)
    if folder is None:
        return config.train.init, None
    return folder.name, cost_of_run(client, RunDirectory(folder), most - 1).lineage


def _version_of(client: MlflowClient, init: str, sha256: str) -> ModelVersion | None:
    """Return the version with these weights. An alias counts only if nothing else is known: it may have moved since."""
    found = client.search_model_versions(f"tags.`{VersionTags.name('weights_sha256')}` = '{sha256}'") if sha256 else []
    if found:
        return min(found, key=lambda one: int(one.version))
    if not ModelRef.is_uri(init):
        return None
    try:
        return resolve_version(client, init)
    except RegistryError:
        return None  # it was deleted since
