"""The complete state of a training, apart from its data: networks, average, optimisers, position."""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from models.augmentation.adaptive import AdaptiveStrength
from models.compression.robust import Compressor
from models.compute.optimizers import fused_adam, laid_out_like, optimizer_tensors, restore_optimizer
from models.errors import CheckpointError
from models.features.pyramid import load_pyramid
from models.networks.families import NetworkSpec
from models.networks.projected_heads import Discriminator, input_size
from models.shield.shield import Shield
from models.training.checkpoints import Checkpoint
from models.training.health import Health


class TrainState:
    """Networks by role, the averaged generator (`ema`), an optimiser for each role, and the number of images seen.

    The family decides which roles there are (generator, discriminator, encoder). No random number generator is saved:
    every step is seeded from (seed, nimg), and nimg is also the position in the data. A `compressor` is part of the
    state because it may be trained. `frozen` is the sha256 of each frozen net that the discriminator uses; its weights
    are in no checkpoint. With `is_recorded`, steps may be recorded (models/compute/graphs.py): the optimisers read the
    learning rate from the device. `num_restores` counts how often tensors were replaced by those of a checkpoint.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        device: torch.device,
        layout: torch.memory_format = torch.contiguous_format,
        compressor: Compressor | None = None,
        is_recorded: bool = False,
    ) -> None:
        self.spec = spec
        self.device = device
        self.nimg = 0
        self.num_ticks = 0
        self.health = Health()
        self.strength = AdaptiveStrength(device)
        self.shield: Shield | None = None
        self.roles = spec.build_networks()
        self.compressor = compressor.to(device) if compressor else None
        for network in self.roles.values():
            network.to(device=device, memory_format=layout)  # type: ignore[call-overload]
        self.frozen = attach_frozen(self.roles, spec, device)
        self.ema = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.optimizers = {role: fused_adam(network, is_recorded) for role, network in self.roles.items()}
        self._averaged = _averaged_pairs(self.ema, self.generator)
        self.num_restores = 0

    @property
    def generator(self) -> torch.nn.Module:
        return self.roles["generator"]

    @property
    def discriminator(self) -> torch.nn.Module:
        return self.roles["discriminator"]

    @property
    def encoder(self) -> torch.nn.Module:
        return self.roles["encoder"]

    def set_optimizers(self, learning_rate: float, betas: tuple[float, float]) -> None:
        """Set the next step's learning rate, lowered by rollbacks, and Adam's betas in every optimiser."""
        learning_rate *= self.health.learning_rate_factor
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["betas"] = betas
                if isinstance(group["lr"], torch.Tensor):
                    group["lr"].fill_(learning_rate)
                else:
                    group["lr"] = learning_rate

    def parameters(self, role: str) -> list[torch.nn.Parameter]:
        """The trainable weights of one network, always in the same order."""
        return [parameter for parameter in self.roles[role].parameters() if parameter.requires_grad]

    def descend(self, role: str, gradients: Sequence[torch.Tensor]) -> torch.Tensor:
        """Take one optimiser step of one network with `gradients` of its `parameters`; returns the gradients' norm."""
        for parameter, gradient in zip(self.parameters(role), gradients, strict=True):
            parameter.grad = laid_out_like(gradient, parameter)
        self.optimizers[role].step()
        self.optimizers[role].zero_grad(set_to_none=True)
        return torch.nn.utils.get_total_norm(gradients)

    def ema_share(self, decay: float) -> float:
        """The share of the generator in the next average: 1 - decay, and more in the first images.

        So the initial weights do not remain in the average for long.
        """
        return 1 - min(decay, (1 + self.nimg) / (1_000 + self.nimg))

    @torch.no_grad()
    def average(self, share: float | torch.Tensor) -> None:
        """Move the average towards the generator: ema <- (1 - share) * ema + share * generator.

        BatchNorm's running statistics are averaged like weights, so that they fit the averaged weights. Counters are
        copied.
        """
        averages, currents, counters, counted = self._averaged
        torch._foreach_lerp_(averages, currents, [share] * len(averages) if torch.is_tensor(share) else share)
        if counters:
            torch._foreach_copy_(counters, counted)

    def tensors(self) -> dict[str, torch.Tensor]:
        """All tensors of the state under flat names."""
        flat = {f"strength.{key}": value for key, value in self.strength.tensors().items()}
        for name, network in self._networks().items():
            flat |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        for name, optimizer in self._optimizers().items():
            flat |= {f"{name}.{key}": value for key, value in optimizer_tensors(optimizer).items()}
        if self.shield:
            flat |= {f"shield.{key}": value for key, value in self.shield.tensors().items()}
        return flat

    def values(self) -> dict[str, Any]:
        """The rest of the state as JSON values."""
        health = self.health.model_dump(mode="json")
        frozen = {"frozen": self.frozen} if self.frozen else {}
        return {"num_ticks": self.num_ticks, "health": health, "spec": self.spec.model_dump(), **frozen}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Set the state from `checkpoint`. Raises CheckpointError where its networks are of another configuration."""
        if checkpoint.values["spec"] != self.spec.model_dump():
            raise CheckpointError(
                f"the checkpoint at {checkpoint.nimg:,} images is of {checkpoint.values['spec']}, but this run trains "
                f"{self.spec.model_dump()}: use another run name"
            )
        if checkpoint.values.get("frozen", {}) != self.frozen:
            raise CheckpointError(
                f"the checkpoint at {checkpoint.nimg:,} images was trained on the frozen weights "
                f"{checkpoint.values.get('frozen', {})}, but {self.frozen} are installed: install those of the "
                "checkpoint, or use another run name"
            )
        for name, network in self._networks().items():
            try:
                network.load_state_dict(checkpoint.part(name))
            except RuntimeError as error:
                raise CheckpointError(
                    f"the checkpoint at {checkpoint.nimg:,} images has another {name} of family {self.spec.family}: "
                    "another release of shardgan made it. Use another run name; train.init takes the weights that fit"
                ) from error
        for name, optimizer in self._optimizers().items():
            restore_optimizer(optimizer, checkpoint.part(name))
        if self.shield:
            self.shield.restore(checkpoint.part("shield"))
        self.strength.restore(checkpoint.part("strength"))
        self.nimg = checkpoint.nimg
        self.num_restores += 1
        self.num_ticks = checkpoint.values["num_ticks"]
        self.health = Health.model_validate(checkpoint.values.get("health", {}))

    def return_to(self, checkpoint: Checkpoint, learning_rate_factor: float) -> None:
        """Roll back weights, averages and optimisers to `checkpoint`; nimg, ticks and score counts stay."""
        nimg, num_ticks, health = self.nimg, self.num_ticks, self.health
        self.restore(checkpoint)
        self.nimg, self.num_ticks = nimg, num_ticks
        factor, num_rollbacks = health.learning_rate_factor * learning_rate_factor, health.num_rollbacks + 1
        fresh = {"num_won": 0, "num_collapsed": 0, "num_worse": 0, "num_alike": 0}
        self.health = health.model_copy(
            update={**fresh, "learning_rate_factor": factor, "num_rollbacks": num_rollbacks}
        )

    def _networks(self) -> dict[str, torch.nn.Module]:
        learnt = {"compressor": self.compressor} if self.compressor is not None else {}
        return {**self.roles, "ema": self.ema, **learnt}

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {f"optimizer_{role[0]}": optimizer for role, optimizer in self.optimizers.items()}


class _Averaged(NamedTuple):
    """Tensors of the average and of the generator in the same order: those that are averaged, and those copied."""

    averages: list[torch.Tensor]
    currents: list[torch.Tensor]
    counters: list[torch.Tensor]
    counted: list[torch.Tensor]


def _averaged_pairs(ema: torch.nn.Module, generator: torch.nn.Module) -> _Averaged:
    """The pairs are found once: a state_dict at each step takes longer than averaging it does on a GPU."""
    pairs = list(zip(ema.state_dict().values(), generator.state_dict().values(), strict=True))
    floats = [pair for pair in pairs if pair[0].is_floating_point()]
    others = [pair for pair in pairs if not pair[0].is_floating_point()]
    return _Averaged(*([pair[side] for pair in part] for part in (floats, others) for side in (0, 1)))


def attach_frozen(roles: dict[str, torch.nn.Module], spec: NetworkSpec, device: torch.device) -> dict[str, str]:
    """Give the discriminator the frozen net that it uses; returns the sha256 of the net's weights by name."""
    discriminator = roles.get("discriminator")
    if not isinstance(discriminator, Discriminator):
        return {}
    pyramid = load_pyramid(input_size(spec.resolution, spec.image_width), device)
    discriminator.attach(pyramid)
    return {pyramid.name: pyramid.sha256}
