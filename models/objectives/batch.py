"""The input and the output of a phase."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, cast

import torch

from models.compression.robust import Compressor
from models.compute.draws import Draws
from models.networks.families import NetworkSpec
from models.objectives.losses import roughness

T = TypeVar("T")
Augment = Callable[[torch.Tensor], torch.Tensor]


def _alone(value: torch.Tensor) -> torch.Tensor:
    return value


class Networks(Protocol):
    """The networks that a phase uses; `ema` is the averaged generator. A TrainState has all of them."""

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
    """Generated images (N, C, H, W): `clean` from the generator, `shown` to the discriminator (maybe compressed)."""

    clean: torch.Tensor
    shown: torch.Tensor


class Penalties(NamedTuple):
    """How one step computes the gradient penalties of family r3.

    `weight` is a factor of gamma: 0 in a step without penalties, and k where only each k-th step has them. `step` is
    the length of finite differences, for images in [-1, 1].
    """

    method: Literal["exact", "differences"] = "exact"
    weight: float = 1.0
    step: float = 0.03


EXACT = Penalties()


@dataclass
class Batch:
    """The real images of one step, or a part of them, and the settings of this step.

    `real` is (N, C, H, W) in [-1, 1]; `classes` is (N,), or None for an unconditional model.
    `draw_augmentation` draws random numbers and returns an augmentation that changes images in this one way. Gradients
    pass through it. `compressor` compresses generated images before they
    are compared with real ones (models/compression/robust.py); `consistency` is the weight of `drift`. `average`
    returns the mean of a statistic over all processes. With `keep_graphs`, a phase reuses the results of the previous
    one. Without it they are computed again, so that the graphs of many micro-batches are not in memory at once.
    """

    real: torch.Tensor
    classes: torch.Tensor | None
    draw_augmentation: Callable[[], Augment]
    draws: Draws
    gamma: float | torch.Tensor = 0.0
    penalties: Penalties = EXACT
    reconstruction: float = 1.0
    average: Callable[[torch.Tensor], torch.Tensor] = _alone
    compressor: Compressor | None = None
    consistency: float = 0.0
    keep_graphs: bool = True
    _noise: dict[str, torch.Tensor] = field(default_factory=dict, init=False)
    _encodings: dict[str, torch.Tensor] = field(default_factory=dict, init=False)
    _results: dict[str, Any] = field(default_factory=dict, init=False)

    def augment(self, images: torch.Tensor) -> torch.Tensor:
        """`images`, changed in new random ways at each call."""
        return self.draw_augmentation()(images)

    def fake(self, state: Networks) -> Made:
        """One generated image for each real one, compressed if there is a compressor."""
        latents = self.noise("z", state.spec.latent_dim)
        return self.once("fake", lambda: self.compress("fake", state.generator(latents, self.classes)))

    def compress(self, name: str, images: torch.Tensor) -> Made:
        """Generated `images` after compression. Under the same name, every phase uses the same encodings."""
        if self.compressor is None:
            return Made(images, images)
        if name not in self._encodings:
            self._encodings[name] = self.compressor.draw(self.draws)
        return Made(images, self.compressor(images, self._encodings[name]))

    def drift(self, *made: Made) -> torch.Tensor:
        """`consistency` times the roughness of the part of these images that JPEG removes.

        The discriminator does not see that part, so nothing else prevents the generator from putting noise there.
        Natural images have little roughness. A penalty on the whole part would also prevent the generator from
        smoothing the edges of JPEG blocks. After the consistency losses of Kaneko & Harada 2021, which penalise all
        of it.
        """
        if self.compressor is None:
            return self.real.new_zeros(())
        parts = [roughness(one.clean - one.shown.detach()) for one in made]
        return self.consistency * torch.stack(parts).mean()

    def noise(self, name: str, size: int) -> torch.Tensor:
        """N(0, I), shape (N, size). Under the same name, every phase gets the same noise."""
        if name not in self._noise:
            self._noise[name] = self.draws.normal(size)
        return self._noise[name]

    def once(self, name: str, make: Callable[[], T]) -> T:
        """The result of `make`, computed once for all phases if graphs are kept."""
        if name in self._results:
            return cast(T, self._results[name])
        result = make()
        if self.keep_graphs:
            self._results[name] = result
        return result


class Losses(NamedTuple):
    """The loss of each network by role, and statistics: means over the batch as 0-dimensional tensors."""

    by_role: dict[str, torch.Tensor]
    statistics: dict[str, torch.Tensor]


Phase = Callable[[Networks, Batch], Losses]
