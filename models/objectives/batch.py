"""What an objective is handed, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import torch

from models.compression.robust import Compressor
from models.compute.draws import Draws
from models.networks.families import NetworkSpec
from models.objectives.losses import roughness

T = TypeVar("T")


def _alone(value: torch.Tensor) -> torch.Tensor:
    return value


class Networks(Protocol):
    """The networks that an objective trains; `ema` is the averaged generator. A training's state has all of them."""

    @property
    def spec(self) -> NetworkSpec: ...

    @property
    def generator(self) -> torch.nn.Module: ...

    @property
    def discriminator(self) -> torch.nn.Module: ...

    @property
    def encoder(self) -> torch.nn.Module: ...

    @property
    def ema(self) -> torch.nn.Module: ...


class Made(NamedTuple):
    """Generated images (N, C, H, W) as they come out of the generator, and as they are shown: as a file would be."""

    clean: torch.Tensor
    shown: torch.Tensor


@dataclass
class Batch:
    """One step's real images, or a part of them, and the settings that hold at this step.

    `real` is (N, C, H, W) in [-1, 1]; `classes` is (N,), or None for an unconditional model. `augment` changes images
    in new random ways at each call, gradients flowing through. `compressor` stands between a generated image and
    whatever is compared with a real one, see models/compression/robust.py; `consistency` is the weight of `drift`.
    `average` gives the mean of a statistic over all processes. With `keep_graphs`, what one phase computed serves the
    next; without, it is computed again, so that the graphs of many parts need not be held at once.
    """

    real: torch.Tensor
    classes: torch.Tensor | None
    augment: Callable[[torch.Tensor], torch.Tensor]
    draws: Draws
    gamma: float = 0.0
    reconstruction: float = 1.0
    average: Callable[[torch.Tensor], torch.Tensor] = _alone
    compressor: Compressor | None = None
    consistency: float = 0.0
    keep_graphs: bool = True
    _noise: dict[str, torch.Tensor] = field(default_factory=dict, init=False)
    _encodings: dict[str, torch.Tensor] = field(default_factory=dict, init=False)
    _results: dict[str, Any] = field(default_factory=dict, init=False)

    def fake(self, state: Networks) -> Made:
        """Generated images, one for each real one, and compressed like those where training is to be robust to it."""
        latents = self.noise("z", state.spec.latent_dim)
        return self.once("fake", lambda: self.compress("fake", state.generator(latents, self.classes)))

    def compress(self, name: str, images: torch.Tensor) -> Made:
        """Generated `images` as a file would give them back; the same encodings under the same name in every phase."""
        if self.compressor is None:
            return Made(images, images)
        if name not in self._encodings:
            self._encodings[name] = self.compressor.draw(self.draws)
        return Made(images, self.compressor(images, self._encodings[name]))

    def drift(self, *made: Made) -> torch.Tensor:
        """`consistency` times the roughness of what JPEG takes from these images.

        The discriminator does not see that part, so nothing else keeps a generator from putting noise there. Roughness
        is what natural images have little of; without it, what mends the edges of blocks would be held as firmly.
        After the consistency losses of Kaneko & Harada 2021, which hold all of it.
        """
        if self.compressor is None:
            return self.real.new_zeros(())
        parts = [roughness(one.clean - one.shown.detach()) for one in made]
        return self.consistency * torch.stack(parts).mean()

    def noise(self, name: str, size: int) -> torch.Tensor:
        """N(0, I) in (N, size), the same under the same name in every phase."""
        if name not in self._noise:
            self._noise[name] = self.draws.normal(size)
        return self._noise[name]

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives; made once for all phases where graphs are kept."""
        if name in self._results:
            return cast(T, self._results[name])
        result = make()
        if self.keep_graphs:
            self._results[name] = result
        return result


class Losses(NamedTuple):
    """What each network is to go down, by role, and statistics: means over the batch as 0-dimensional tensors."""

    by_role: dict[str, torch.Tensor]
    statistics: dict[str, torch.Tensor]


Phase = Callable[[Networks, Batch], Losses]
