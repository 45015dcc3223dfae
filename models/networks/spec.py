"""The record from which the networks of one training are built. Imports torch when it builds them."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from models import Settings
from models.networks.names import FamilyName, check_resolution

if TYPE_CHECKING:
    from torch import nn


class NetworkSpec(Settings):
    """Everything that a generator's shape depends on. Every checkpoint and registered version contains it."""

    family: FamilyName
    resolution: int
    image_width: int = Field(0, exclude_if=lambda width: not width, description="0: the images are square")
    channels: Literal[1, 3]
    num_classes: int = Field(ge=0, description="0: unconditional")
    latent_dim: int = Field(ge=1)
    width: int = Field(ge=1)

    @model_validator(mode="after")
    def _is_reachable(self) -> "NetworkSpec":
        check_resolution(self.resolution, self.image_width)
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an image: channels, rows, columns."""
        return self.channels, self.resolution, self.image_width or self.resolution

    @property
    def sides(self) -> str:
        """Width and height of an image in words: "64x64", "96x64"."""
        return f"{self.image_width or self.resolution}x{self.resolution}"

    def build_networks(self) -> "dict[str, nn.Module]":
        """The family's networks by role, freshly initialised, on the CPU."""
        from models.networks.families import FAMILIES  # plans and commands that build nothing do not wait for torch

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
        from models.networks.families import FAMILIES

        return Path(inspect.getfile(FAMILIES[self.family]["generator"]))
