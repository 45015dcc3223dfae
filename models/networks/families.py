"""The families of networks: the classes of each. models/networks/spec.py builds them."""

from collections.abc import Callable

from torch import nn

from models.networks import dcgan, projected, projected_heads, r3
from models.networks.encoder import Encoder
from models.networks.spec import NetworkSpec

__all__ = ["FAMILIES", "NetworkSpec"]

FAMILIES: dict[str, dict[str, Callable[..., nn.Module]]] = {
    "dcgan": {"generator": dcgan.Generator, "discriminator": dcgan.Discriminator},
    "r3": {"generator": r3.Generator, "discriminator": r3.Discriminator},
    "vae": {"generator": dcgan.Generator, "encoder": Encoder},
    "vaegan": {"generator": dcgan.Generator, "discriminator": dcgan.Discriminator, "encoder": Encoder},
    "projected": {"generator": projected.Generator, "discriminator": projected_heads.Discriminator},
}
"""The class of each family's networks by role. Weights are drawn in this order, so the order decides their values."""
