"""The families of networks, and the record that says how one generator is built."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import nn

from models.networks import dcgan, r3, vae, vaegan

FamilyName = Literal["dcgan", "r3", "vae", "vaegan"]
FAMILIES: dict[str, ModuleType] = {"dcgan": dcgan, "r3": r3, "vae": vae, "vaegan": vaegan}
ROLES = {"generator": "Generator", "discriminator": "Discriminator", "encoder": "Encoder"}


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

    def build_networks(self) -> dict[str, nn.Module]:
        """Freshly initialised networks on the CPU, by role: those that the family's file has a class for."""
        module = FAMILIES[self.family]
        return {role: self._build(name) for role, name in ROLES.items() if hasattr(module, name)}

    def generator_arguments(self) -> dict[str, int]:
        """Keyword arguments of the family's Generator class."""
        return self.model_dump(exclude={"family"})

    def source_file(self) -> Path:
        """The family's one file of code."""
        return Path(str(FAMILIES[self.family].__file__))

    def _build(self, name: str) -> nn.Module:
        constructor: Callable[..., nn.Module] = getattr(FAMILIES[self.family], name)
        unused = {"latent_dim"} if name == "Discriminator" else set()
        return constructor(**{key: value for key, value in self.generator_arguments().items() if key not in unused})
