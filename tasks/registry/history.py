"""The history of a model's champions: which versions became champion, oldest first, kept as a tag of the model.

A rollback takes the last entry away, so that the next one goes further back. Models whose champions were made before
there was this tag have a history too: each version says in a tag of its own which one it replaced.
"""

import json
from collections.abc import Sequence

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tasks.errors import RegistryError
from tasks.tracking.model_ref import CHAMPION
from tasks.tracking.tags import ModelTags, VersionTags

__all__ = ["read_history", "stored_history", "write_history"]

MOST = 200  # entries; the oldest are dropped


def stored_history(client: MlflowClient, name: str) -> list[str]:
    """The numbers in the model's tag, oldest first; empty where there is no tag."""
    text = ModelTags.parse(client.get_registered_model(name).tags).champions
    try:
        numbers = json.loads(text) if text else []
    except ValueError:
        numbers = None
    if not isinstance(numbers, list) or not all(isinstance(one, str) and one.isdigit() for one in numbers):
        tag = ModelTags.name("champions")
        raise RegistryError(f"the tag {tag} of {name} is {text[:100]!r}: expected a list of numbers as JSON; delete it")
    return numbers


def read_history(client: MlflowClient, name: str) -> list[str]:
    """The champions up to the present one, oldest first; the last entry carries the alias. Empty where none does."""
    present = client.get_registered_model(name).aliases.get(CHAMPION)
    if present is None:
        return []
    numbers = stored_history(client, name) or list(reversed(_predecessors(client, name, str(present))))
    return numbers if numbers and numbers[-1] == str(present) else [*numbers, str(present)]


def write_history(client: MlflowClient, name: str, numbers: Sequence[str]) -> None:
    """Keep the history with the model."""
    for key, value in ModelTags(champions=json.dumps(list(numbers)[-MOST:])).as_tags().items():
        client.set_registered_model_tag(name, key, value)


def _predecessors(client: MlflowClient, name: str, number: str) -> list[str]:
    """The chain of versions that replaced each other, from `number` back to where it ends or repeats."""
    chain: list[str] = []
    while number and number not in chain:
        chain.append(number)
        try:
            number = VersionTags.of(client.get_model_version(name, number)).replaced
        except MlflowException:  # deleted: what it replaced went with it
            break
    return chain
