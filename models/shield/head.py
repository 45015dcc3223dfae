"""The three-class head: real, generated or forged, read from a discriminator's feature maps at every scale."""

import copy
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from models.errors import ConfigError
from models.networks.families import NetworkSpec

__all__ = ["CLASSES", "FORGED", "GENERATED", "REAL", "ShieldHead", "real_score"]

CLASSES = ("real", "generated", "forged")
REAL, GENERATED, FORGED = range(3)
FINE, EVIDENCE, HIDDEN = 16, 32, 64
SLOPE = 0.2


class ShieldHead(nn.Module):
    """Images (N, C, side, side) in [-1, 1] to logits (N, 3) of `CLASSES`.

    The trunk has the discriminator's layers and starts with its weights, then goes on by itself: a discriminator keeps
    what tells its own generator's images and forgets the rest, and a trunk that moved with it would move the threshold.
    What is forged is often small, and halving maps loses it: so two more layers look at every pixel, and of each map
    the strongest evidence counts, wherever it is, besides the mean.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        networks = spec.build_networks()
        if "discriminator" not in networks:
            raise ConfigError(
                f"family {spec.family} has no discriminator for a shield to sit on: set train.shield.policy=off, "
                "or choose dcgan, r3 or vaegan"
            )
        trunk = networks["discriminator"].layers
        assert isinstance(trunk, nn.Sequential)
        self.trunk = trunk
        self.fine = nn.Sequential(
            nn.Conv2d(spec.channels, FINE, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(FINE, 2 * FINE, 3, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
        )
        blank = torch.zeros(2, spec.channels, spec.resolution, spec.resolution)
        with torch.no_grad():
            maps = self.maps(blank)
        self.evidence = nn.ModuleList([_evidence(scale.shape[1]) for scale in maps])
        layout = maps[-1][0].numel()
        self.layout = nn.LayerNorm(layout)
        self.hidden = nn.Linear(layout + 2 * EVIDENCE * len(maps), HIDDEN)
        self.out = nn.Linear(HIDDEN, len(CLASSES))

    def start_from(self, discriminator: nn.Module) -> None:
        """Take the discriminator's trunk as it is now."""
        self.trunk.load_state_dict(copy.deepcopy(discriminator.layers.state_dict()))  # type: ignore[union-attr]

    def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Feature maps of every scale, finest first: of each of the trunk's scales the last one."""
        trunk = [images]
        for layer in self.trunk:
            trunk.append(layer(trunk[-1]))
        last = [here for here, after in pairwise(trunk[1:]) if here.shape[-1] != after.shape[-1]]
        return [self.fine(images), *last, trunk[-1]]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.maps(images)
        features = [self.layout(maps[-1].flatten(1))]
        for weigh, scale in zip(self.evidence, maps, strict=True):
            evidence = weigh(scale).flatten(2)
            features += [evidence.amax(dim=2), evidence.mean(dim=2)]
        logits: torch.Tensor = self.out(F.leaky_relu(self.hidden(torch.cat(features, dim=1)), SLOPE))
        return logits


def _evidence(channels: int) -> nn.Module:
    """What each place of a map says, by itself."""
    return nn.Sequential(nn.GroupNorm(1, channels), nn.Conv2d(channels, EVIDENCE, 1), nn.LeakyReLU(SLOPE))


def real_score(logits: torch.Tensor) -> torch.Tensor:
    """log(p_real / (1 - p_real)), (N,): the same order as p_real, but not rounded to 1 where the head is sure."""
    return logits[:, REAL] - logits[:, REAL + 1 :].logsumexp(dim=1)
