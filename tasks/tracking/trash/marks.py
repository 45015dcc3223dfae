"""Registered versions in the trash: a tag hides them until gc removes them from the registry with their files."""

import logging
import shutil
from datetime import datetime

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tasks.errors import RegistryError
from tasks.home import Home
from tasks.tracking.inventory.models import local_files
from tasks.tracking.model_ref import CHAMPION
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags
from tasks.tracking.trash.plans import Deletion

logger = logging.getLogger(__name__)
DELETED = VersionTags.name("deleted")


def mark(home: Home, deletion: Deletion, now: datetime) -> None:
    """Hide the version: set the tag, and take its aliases away. Raises RegistryError for a champion."""
    client = connect(home)
    if CHAMPION in _aliases(client, deletion):
        raise RegistryError(f"{deletion.name} is a champion: promote another version before it is deleted")
    client.set_model_version_tag(deletion.model, deletion.version, DELETED, now.isoformat(timespec="seconds"))
    for alias in _aliases(client, deletion):
        client.delete_registered_model_alias(deletion.model, alias)


def unmark(home: Home, deletion: Deletion) -> None:
    """Show the version again, and give it the aliases back that no other version has taken meanwhile."""
    client = connect(home)
    client.delete_model_version_tag(deletion.model, deletion.version, DELETED)
    taken = client.get_registered_model(deletion.model).aliases
    for alias in deletion.aliases:
        if alias not in taken:
            client.set_registered_model_alias(deletion.model, alias, deletion.version)


def remove(home: Home, deletion: Deletion) -> None:
    """Remove a marked version and its files for good. One that became champion meanwhile only loses its mark."""
    client = connect(home)
    try:
        version = client.get_model_version(deletion.model, deletion.version)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return  # somebody deleted it in MLflow
    if CHAMPION in _aliases(client, deletion):
        logger.warning("%s became champion after it was deleted: it stays", deletion.name)
        client.delete_model_version_tag(deletion.model, deletion.version, DELETED)
        return
    files = local_files(home, client.get_model_version_download_uri(deletion.model, deletion.version))
    client.delete_model_version(deletion.model, deletion.version)
    prefix, _, model_id = str(version.source).partition(":/")
    if prefix == "models":
        client.delete_logged_model(model_id)
    if files and files.is_relative_to(home.mlartifacts):
        shutil.rmtree(files)
    if "'" not in deletion.model and not client.search_model_versions(f"name = '{deletion.model}'", max_results=1):
        client.delete_registered_model(deletion.model)


def _aliases(client: MlflowClient, deletion: Deletion) -> list[str]:
    found = client.get_registered_model(deletion.model).aliases
    return [alias for alias, version in found.items() if str(version) == deletion.version]
