"""References to registered models: `models:/name/3`, `models:/name@alias`, or a name alone.

Does not import MLflow, because the settings of commands use it.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, Field

from tasks.errors import RegistryError

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

__all__ = ["CHALLENGER", "CHAMPION", "ModelName", "ModelRef", "ModelUri", "uri_of"]

SCHEME = "models:/"
CHALLENGER = "challenger"
CHAMPION = "champion"
PATTERN = r"^(models:/)?[^/@:]+(/[0-9]+|@[A-Za-z0-9_.-]+)?$"
PARTS = re.compile(r"(?:models:/)?(?P<name>[^/@:]+)(?:/(?P<version>[0-9]+)|@(?P<alias>[A-Za-z0-9_.-]+))?")

EXPECTED = "expected models:/name/3, models:/name@champion or a name"


def _check(text: str) -> str:
    if not PARTS.fullmatch(text):
        raise ValueError(EXPECTED)
    return text


# Types of the settings that name a model.
ModelUri = Annotated[
    str,
    Field(
        title="Model",
        min_length=1,
        max_length=300,
        json_schema_extra={"pattern": PATTERN},  # for forms; _check explains it in words
        description="models:/name@champion, models:/name/3, or a name (its challenger)",
    ),
    AfterValidator(_check),
]
ModelName = Annotated[
    str,
    Field(
        max_length=200,
        pattern=r"""^[^/@:'"`]*$""",  # names that MLflow's registry, its searches and our URIs accept
        title="Model",
        description="name in the registry, without / : @ ' \" or `; empty: the dataset's name",
    ),
]


@dataclass(frozen=True)
class ModelRef:
    """A model's name with a version number or an alias. One of the two is empty."""

    name: str
    version: str = ""
    alias: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a reference. A name alone means its challenger. Raises RegistryError for other text."""
        found = PARTS.fullmatch(text)
        if not found:
            raise RegistryError(f"{text!r} does not name a model: {EXPECTED}")
        version = found["version"] or ""
        return cls(found["name"], version, "" if version else found["alias"] or CHALLENGER)

    @property
    def uri(self) -> str:
        """Return the reference in MLflow's form."""
        return f"{SCHEME}{self.name}/{self.version}" if self.version else f"{SCHEME}{self.name}@{self.alias}"

    @staticmethod
    def is_uri(text: str) -> bool:
        """Return whether a setting, which may also be a path, names a registered model."""
        return text.startswith(SCHEME)


def uri_of(version: "ModelVersion") -> str:
    """Return the URI of a registered version."""
    return ModelRef(version.name, str(version.version)).uri
