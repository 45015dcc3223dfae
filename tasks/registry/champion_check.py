"""Champions that were not made by shardgan: the alias moved in MLflow's UI, or by another program.

Such a champion is not the last entry of the history. Its files are verified like those of any champion. If that fails,
the alias goes back to the champion before.
"""

import logging

from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from prefect import task

from tasks.errors import RegistryError
from tasks.home import Home, home
from tasks.registry.champion import (
    decision,
    make_champion,
    one_at_a_time,
    read_history,
    record_champion,
    stored_history,
    write_history,
)
from tasks.registry.signing import verify_version
from tasks.registry.versions import find_champion
from tasks.tracking.model_ref import CHAMPION, uri_of
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags

__all__ = ["check_champions"]

logger = logging.getLogger(__name__)


@task(task_run_name="check-champions")
def check_champions() -> list[str]:
    """Verify every champion that shardgan did not make. Return a sentence for each of them."""
    client, here = connect(home()), home()
    sentences = []
    token = None
    while True:
        page = client.search_registered_models(page_token=token)
        for model in page:
            try:
                sentence = _check(client, here, model)
            except RegistryError as error:  # the other models are still checked
                sentence = f"the champion of {model.name} cannot be checked: {error}"
            if sentence:
                logger.warning("%s", sentence)
                sentences.append(sentence)
        token = page.token
        if not token:
            return sentences


def _check(client: MlflowClient, home: Home, model: RegisteredModel) -> str:
    """Return a sentence about a champion that shardgan did not make. Empty if shardgan made it."""
    present = model.aliases.get(CHAMPION)
    if present is None or not _is_ours(client, model.name):
        return ""
    if stored_history(client, model.name)[-1:] == [str(present)]:
        return ""
    with one_at_a_time(home):
        version, stored = find_champion(client, model.name), stored_history(client, model.name)
        if version is None or stored[-1:] == [str(version.version)]:
            return ""
        if not stored and VersionTags.of(version).promoted:  # by a release that kept no history
            write_history(client, model.name, read_history(client, model.name))
            return ""
        return _judge(client, version, stored)


def _judge(client: MlflowClient, version: ModelVersion, before: list[str]) -> str:
    try:
        verify_version(version)
    except RegistryError as error:
        decision(f"made champion outside of shardgan, and refused: {error}", promoted=False).write(client, version)
        done = _undo(client, version, before)
        return f"{uri_of(version)} was made champion outside of shardgan, and refused ({error}); {done}"
    record_champion(client, version, "made champion outside of shardgan; its files were verified", before)
    return f"{uri_of(version)} was made champion outside of shardgan; its files are verified, so it stays"


def _undo(client: MlflowClient, refused: ModelVersion, before: list[str]) -> str:
    """Give the alias to the newest earlier champion that can be verified, else to none. Return what was done."""
    for place in reversed(range(len(before))):
        if before[place] == str(refused.version):
            continue
        try:
            earlier = client.get_model_version(refused.name, before[place])
            make_champion(client, earlier, f"version {refused.version} was refused", before[:place])
        except (MlflowException, RegistryError) as error:
            logger.warning("%s version %s does not become champion again: %s", refused.name, before[place], error)
            continue
        return f"version {before[place]} is champion again"
    client.delete_registered_model_alias(refused.name, CHAMPION)
    return "there is no champion now"


def _is_ours(client: MlflowClient, name: str) -> bool:
    """Return whether shardgan has registered a version of the model. Other models in the registry are not touched.

    A model with a history of champions is ours, even if the tags of its versions were deleted.
    """
    if stored_history(client, name):
        return True
    if "'" in name:  # shardgan gives no model such a name, and MLflow's search does not take it
        return False
    # MLflow reads the tags of each version that it returns, so one version must suffice.
    is_ours = f"name = '{name}' and tags.`{VersionTags.name('weights_sha256')}` LIKE '%'"
    return bool(client.search_model_versions(is_ours, max_results=1))
