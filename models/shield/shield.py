"""The shield of one training: its head, the training batches of the head, and the threshold of the filter."""

from typing import NamedTuple

import torch
import torch.nn.functional as F

from models.compute.adversarial import Score, fgsm, pgd
from models.compute.draws import Draws
from models.compute.optimizers import optimizer_tensors, restore_optimizer
from models.errors import CheckpointError
from models.grids import to_float, to_uint8
from models.networks.families import NetworkSpec
from models.shield.attacks import FORGERIES
from models.shield.config import AttackName, ShieldConfig
from models.shield.duplicates import recompression_distance
from models.shield.head import FORGED, GENERATED, REAL, ShieldHead, real_score
from models.shield.measures import threshold_at
from models.shield.recompression import recompress, recompress_some

NUM_GENERATED = 256  # images of the present generator in one update of the head
PAST_SLOTS, PAST_IMAGES = 8, 128  # past generators, and images of each, that the head is also trained on
NUM_COPIES = 3  # JPEG copies of each trusted image, besides the image itself
RECOMPRESSED = 0.2  # share of the generated and forged images that is recompressed
EVADING = 6  # every sixth generated or forged image is moved to where the head takes it for real
PGD_STEPS = 2
PGD_REACH = 2.5  # how many times the steps together can cross the ball
TRUNK_RATE = 0.1  # factor on the trunk's learning rate: at the full rate it loses what the discriminator has learnt
BETAS = (0.9, 0.99)


class Trusted(NamedTuple):
    """Images known to be real: uint8 (N, C, H, W), and their classes (N,)."""

    images: torch.Tensor
    classes: torch.Tensor

    def part(self, rows: slice) -> "Trusted":
        """The images and classes of these rows."""
        return Trusted(self.images[rows], self.classes[rows])


class ReferenceNetworks(NamedTuple):
    """The networks of the training, as they are now: sources of generated images and of adversarial gradients."""

    generator: torch.nn.Module
    discriminator: torch.nn.Module


class Shield:
    """A head that is updated at intervals, and that accepts images as real between the updates.

    All random numbers follow from (seed, nimg), so a resumed training updates the head in the same way. Every process
    of a training has its own shield, and all of them are equal.
    """

    def __init__(
        self, config: ShieldConfig, spec: NetworkSpec, trusted: Trusted, seed: int, device: torch.device
    ) -> None:
        self.config = config
        self.spec = spec
        self.seed = seed
        self.device = device
        self.head = ShieldHead(spec).to(device).eval()
        trunk = list(self.head.trunk.parameters())
        rest = [value for name, value in self.head.named_parameters() if not name.startswith("trunk.")]
        self.optimizer = torch.optim.Adam([{"params": trunk}, {"params": rest}], betas=BETAS)
        self.threshold = torch.full((), torch.nan, device=device)
        self.num_updates = torch.zeros((), dtype=torch.int64)
        self.past = torch.zeros((PAST_SLOTS, PAST_IMAGES, *spec.shape), dtype=torch.uint8, device=device)
        self._divide(trusted)

    def _divide(self, trusted: Trusted) -> None:
        """Shuffle the trusted images, and divide them into a held-out part and a training part."""
        draws = Draws((self.seed, 0, 1), torch.device("cpu"), len(trusted.images))
        order = draws.uniform(0, 1).argsort()
        images = trusted.images[order].to(self.device)
        classes = trusted.classes[order].to(self.device)
        held_out = num_held_out(len(order), self.config)
        threshold_at(torch.zeros(held_out), self.config.false_positive_rate)  # raises ConfigError for too few images
        self.held_out = images[:held_out]
        self.held_out_scores = torch.full((held_out,), torch.nan, device=self.device)
        self.training_part = Trusted(images[held_out:], classes[held_out:])
        real = to_float(self.training_part.images)
        copies = [recompress(real, Draws((self.seed, copy, 2), self.device, len(real))) for copy in range(NUM_COPIES)]
        self.real = torch.cat([real, *copies])
        distance = recompression_distance(real, Draws((self.seed, 0, 11), self.device, len(real)))
        self.lookalike_distance = torch.tensor(distance)

    def is_due(self, nimg: int, batch_size: int) -> bool:
        """Whether the head is updated before the batch that begins at `nimg`."""
        interval = self.config.interval_nimg
        return nimg == 0 or nimg // interval != (nimg - batch_size) // interval

    def train_head(self, references: ReferenceNetworks, nimg: int) -> None:
        """Update the head on new training batches, then set the threshold. The first update takes more steps."""
        is_first = not self.num_updates
        if is_first:
            self.head.start_from(references.discriminator)
        was_training = references.discriminator.training
        references.discriminator.eval()
        made = self.generate(references.generator, nimg)
        generated = to_float(torch.cat([made, self.past[: int(self.num_updates)].flatten(0, 1)]))
        steps = self.config.first_steps if is_first else self.config.steps
        for step in range(steps):
            # The learning rate falls to 0, so that the head is stable when the threshold is set.
            for group, factor in zip(self.optimizer.param_groups, (TRUNK_RATE, 1), strict=True):
                group["lr"] = self.config.learning_rate * factor * (1 - step / steps)
            self._descend(self._batch(references, generated, (self.seed, nimg, step, 3)))
        references.discriminator.train(was_training)
        self._remember(made, nimg)
        self.held_out_scores = self.score(self.held_out)
        self.threshold = threshold_at(self.held_out_scores, self.config.false_positive_rate)

    @torch.no_grad()
    def score(self, images: torch.Tensor) -> torch.Tensor:
        """Log-odds of being real, (N,), of uint8 or float images."""
        floats = to_float(images) if images.dtype == torch.uint8 else images
        return torch.cat([real_score(self.head(part)) for part in torch.split(floats, 1024)])

    def accepts(self, images: torch.Tensor) -> torch.Tensor:
        """Which of `images` count as real, bool (N,): their score is at or above the threshold."""
        return self.score(images) >= self.threshold

    @torch.no_grad()
    def generate(self, generator: torch.nn.Module, nimg: int) -> torch.Tensor:
        """uint8 images (NUM_GENERATED, C, H, W) of the generator as it is at `nimg`."""
        draws = Draws((self.seed, nimg, 4), self.device, NUM_GENERATED)
        z = draws.normal(self.spec.latent_dim)
        num_classes = self.spec.num_classes
        classes = draws.uniform(0, num_classes).long().clamp(max=num_classes - 1) if num_classes else None
        return to_uint8(generator(z, classes))

    def _remember(self, made: torch.Tensor, nimg: int) -> None:
        """Keep some images of this update's generator: reservoir sampling over all generators so far."""
        update = int(self.num_updates)
        slot = update
        if update >= PAST_SLOTS:
            slot = int(Draws((self.seed, nimg, 5), torch.device("cpu"), 1).uniform(0, update + 1))
        if slot < PAST_SLOTS:
            self.past[slot] = made[:PAST_IMAGES]
        self.num_updates += 1

    def _batch(
        self, references: ReferenceNetworks, generated: torch.Tensor, seed: tuple[int, ...]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and targets of one step, with equally many images of each class."""
        size = self.config.batch_size
        draws = Draws(seed, self.device, size)
        real, made = pick(self.real, draws), pick(generated, draws)
        forged = self.forge(references, self.config.attacks, draws, seed)
        images = torch.cat([recompress_some(part, draws, RECOMPRESSED) for part in (made, forged)])
        if self.config.epsilon:
            some = images[::EVADING]
            own = Draws((*seed, 6), self.device, len(some))
            images[::EVADING] = self.evade(some, self.config.epsilon, PGD_STEPS, own)
        targets = torch.tensor([REAL, GENERATED, FORGED], device=self.device).repeat_interleave(size)
        return torch.cat([real, images]), targets

    def forge(
        self, references: ReferenceNetworks, attacks: tuple[AttackName, ...], draws: Draws, seed: tuple[int, ...]
    ) -> torch.Tensor:
        """Float forgeries of trusted training images, one for each row of `draws`, equally many of each attack."""
        trusted = self.training_part
        chosen = (draws.uniform(0, 1) * len(trusted.images)).long().clamp(max=len(trusted.images) - 1)
        images, classes = to_float(trusted.images[chosen]), trusted.classes[chosen]
        edges = [len(images) * number // len(attacks) for number in range(len(attacks) + 1)]
        parts = []
        for number, name in enumerate(attacks):
            part = slice(edges[number], edges[number + 1])
            own = Draws((*seed, 7, number), self.device, edges[number + 1] - edges[number])
            parts.append(self.attack(references, name, images[part], classes[part], own))
        return torch.cat(parts)

    def attack(
        self, references: ReferenceNetworks, name: AttackName, images: torch.Tensor, classes: torch.Tensor, draws: Draws
    ) -> torch.Tensor:
        """Forge float `images` (N, C, H, W) with one attack; fgsm and pgd perturb them against the discriminator."""
        if name in FORGERIES:
            return FORGERIES[name](images, draws)

        def unlikely(moved: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = references.discriminator(moved, classes if self.spec.num_classes else None)
            return -logits

        epsilon = self.config.epsilon * 2 / 255
        if name == "fgsm":
            return fgsm(images, unlikely, epsilon)
        return perturb(images, unlikely, epsilon, PGD_STEPS, draws)

    def evade(self, images: torch.Tensor, epsilon: float, steps: int, draws: Draws) -> torch.Tensor:
        """The adaptive attack: move float `images` by up to `epsilon` levels of 255 to where this head scores high."""
        return perturb(images, lambda moved: real_score(self.head(moved)), epsilon * 2 / 255, steps, draws)

    def _descend(self, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
        images, targets = batch
        self.head.train()
        loss = F.cross_entropy(self.head(images), targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.head.eval()

    def tensors(self) -> dict[str, torch.Tensor]:
        """The whole state by name, without the trusted images."""
        flat = {f"head.{name}": value for name, value in self.head.state_dict().items()}
        flat |= {f"optimizer.{name}": value for name, value in optimizer_tensors(self.optimizer).items()}
        return flat | {
            "threshold": self.threshold,
            "held_out_scores": self.held_out_scores,
            "lookalike_distance": self.lookalike_distance,
            "num_lessons": self.num_updates,
            "past": self.past,
        }

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Set the state that `tensors()` returned. Raises CheckpointError if the checkpoint lacks a shield."""
        if "threshold" not in tensors:
            raise CheckpointError("the checkpoint has no shield, this training has one: start it under another name")
        part = {name: dict[str, torch.Tensor]() for name in ("head", "optimizer")}
        for name, value in tensors.items():
            role, _, rest = name.partition(".")
            if rest:
                part[role][rest] = value
        self.head.load_state_dict(part["head"])
        restore_optimizer(self.optimizer, part["optimizer"])
        self.threshold = tensors["threshold"].to(self.device)
        self.held_out_scores = tensors["held_out_scores"].to(self.device)
        self.num_updates = tensors["num_lessons"]
        self.past = tensors["past"].to(self.device)


def perturb(images: torch.Tensor, score: Score, epsilon: float, steps: int, draws: Draws) -> torch.Tensor:
    """PGD towards a high `score` from a random start, with the step size that PGD_REACH gives."""
    noise = draws.uniform(-epsilon, epsilon, *images.shape[1:])
    return pgd(images, score, noise, epsilon=epsilon, steps=steps, step_size=PGD_REACH * epsilon / steps)


def num_held_out(number: int, config: ShieldConfig) -> int:
    """How many of `number` trusted images set the threshold."""
    return round(config.held_out * number)


def pick(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """A random one of `images` for each row of `draws`, with replacement."""
    return images[(draws.uniform(0, 1) * len(images)).long().clamp(max=len(images) - 1)]
