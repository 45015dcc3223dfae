"""The families of networks, and the record from which the networks of one training are built."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from torch import nn

from models import Settings
from models.networks import dcgan, projected, projected_heads, r3
from models.networks.encoder import Encoder
from models.networks.names import FamilyName, check_resolution

FAMILIES: dict[str, dict[str, Callable[..., nn.Module]]] = {
    "dcgan": {"generator": dcgan.Generator, "discriminator": dcgan.Discriminator},
    "r3": {"generator": r3.Generator, "discriminator": r3.Discriminator},
    "vae": {"generator": dcgan.Generator, "encoder": Encoder},
    "vaegan": {"generator": dcgan.Generator, "discriminator": dcgan.Discriminator, "encoder": Encoder},
    "projected": {"generator": projected.Generator, "discriminator": projected_heads.Discriminator},
}
"""The class of each family's networks by role. Weights are drawn in this order, so the order decides their values."""


class NetworkSpec(Settings):
    """Everything that a generator's shape depends on. Every checkpoint and registered version contains it."""

    family: FamilyName
    resolution: int
    channels: Literal[1, 3]
    num_classes: int = Field(ge=0, description="0: unconditional")
    latent_dim: int = Field(ge=1)
    width: int = Field(ge=1)

    @field_validator("resolution")
    @classmethod
    def _is_reachable(cls, resolution: int) -> int:
        check_resolution(resolution)
        return resolution

    def build_networks(self) -> dict[str, nn.Module]:
        """The family's networks by role, freshly initialised, on the CPU."""
        arguments = self.generator_arguments()
        without_latents = {name: value for name, value in arguments.items() if name != "latent_dim"}
        return {
            role: network(**(without_latents if role == "discriminator" else arguments))
            for role, network in FAMILIES[self.family].items()
        }

    def generator_arguments(self) -> dict[str, int]:
        """Keyword arguments of the family's Generator class."""
        return self.model_dump(exclude={"family"})

    def source_file(self) -> Path:
        """The file that defines the family's Generator. It imports torch alone, so that it can be exported."""
        return Path(inspect.getfile(FAMILIES[self.family]["generator"]))
