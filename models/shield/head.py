"""The three-class head: it classifies images as real, generated or forged, from feature maps at every scale."""

import copy
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from models.errors import ConfigError
from models.networks.dcgan import make_trunk
from models.networks.families import NetworkSpec

CLASSES = ("real", "generated", "forged")
REAL, GENERATED, FORGED = range(3)
FINE, EVIDENCE, HIDDEN = 16, 32, 64
SLOPE = 0.2
TRUNK_WIDTH = 32  # channels of the dcgan trunk, for discriminators that do not start at pixels


class ShieldHead(nn.Module):
    """Images (N, C, rows, columns) in [-1, 1] to logits (N, 3) of `CLASSES`.

    The trunk has the discriminator's layers and starts with its weights. Then it is trained separately: a discriminator
    keeps only what separates its own generator's images from real ones, and a shared trunk would move the threshold.
    A forged region is often small and disappears when maps are halved. So two more layers see every pixel, and the
    head uses the maximum over each map besides its mean.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        networks = spec.build_networks()
        if "discriminator" not in networks:
            raise ConfigError(
                f"family {spec.family} has no discriminator, which train.shield needs: set train.shield.policy=off, "
                "or choose dcgan, r3, vaegan or projected"
            )
        self.trunk = make_head_trunk(networks["discriminator"], spec)
        self.fine = nn.Sequential(
            nn.Conv2d(spec.channels, FINE, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(FINE, 2 * FINE, 3, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
        )
        blank = torch.zeros(2, *spec.shape)
        with torch.no_grad():
            maps = self.maps(blank)
        self.evidence = nn.ModuleList([_evidence(scale.shape[1]) for scale in maps])
        layout = maps[-1][0].numel()
        self.layout = nn.LayerNorm(layout)
        self.hidden = nn.Linear(layout + 2 * EVIDENCE * len(maps), HIDDEN)
        self.out = nn.Linear(HIDDEN, len(CLASSES))

    def start_from(self, discriminator: nn.Module) -> None:
        """Copy the present weights of the discriminator's layers into the trunk, if they are the same layers."""
        layers = getattr(discriminator, "layers", None)
        if isinstance(layers, nn.Sequential):
            self.trunk.load_state_dict(copy.deepcopy(layers.state_dict()))

    def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Feature maps, finest first: the map of the two extra layers, then the last one of each trunk scale."""
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


def make_head_trunk(discriminator: nn.Module, spec: NetworkSpec) -> nn.Sequential:
    """The discriminator's layers. One that has none from the image on (family projected) gets dcgan's, fresh."""
    layers = getattr(discriminator, "layers", None)
    if isinstance(layers, nn.Sequential):
        return layers
    return make_trunk(spec.resolution, spec.channels, TRUNK_WIDTH, spec.image_width)[0]


def _evidence(channels: int) -> nn.Module:
    """Layers that score each position of a map separately."""
    return nn.Sequential(nn.GroupNorm(1, channels), nn.Conv2d(channels, EVIDENCE, 1), nn.LeakyReLU(SLOPE))


def real_score(logits: torch.Tensor) -> torch.Tensor:
    """log(p_real / (1 - p_real)), (N,). It orders images as p_real does, but is not rounded to 1 near certainty."""
    return logits[:, REAL] - logits[:, REAL + 1 :].logsumexp(dim=1)
