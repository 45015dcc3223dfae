"""The families of networks, and the record that says how one generator is built."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import nn

from models import dcgan

FamilyName = Literal["dcgan"]
FAMILIES: dict[str, ModuleType] = {"dcgan": dcgan}


class NetworkSpec(BaseModel):
    """All that a generator's shape depends on; travels with every checkpoint and registered model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: FamilyName
    resolution: int
    channels: Literal[1, 3]
    num_classes: int = Field(ge=0, description="0: unconditional")
    latent_dim: int = Field(ge=1)
    width: int = Field(ge=1)

    @field_validator("resolution")
    @classmethod
    def _is_reachable(cls, resolution: int) -> int:
        dcgan.stage_sizes(resolution)
        return resolution

    def build_generator(self) -> nn.Module:
        """A freshly initialised generator on the CPU."""
        return self._build("Generator", **self.generator_arguments())

    def build_discriminator(self) -> nn.Module:
        """A freshly initialised discriminator on the CPU."""
        arguments = self.generator_arguments()
        arguments.pop("latent_dim")
        return self._build("Discriminator", **arguments)

    def generator_arguments(self) -> dict[str, int]:
        """Keyword arguments of the family's Generator class."""
        return self.model_dump(exclude={"family"})

    def source_file(self) -> Path:
        """The family's one file of code."""
        return Path(str(FAMILIES[self.family].__file__))

    def _build(self, name: str, **arguments: int) -> nn.Module:
        constructor: Callable[..., nn.Module] = getattr(FAMILIES[self.family], name)
        return constructor(**arguments)
