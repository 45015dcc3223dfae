"""The shield of one training: the head, what it learns from, and the threshold that it gates by."""

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
from models.shield.flood import laundering_distance
from models.shield.head import FORGED, GENERATED, REAL, ShieldHead, real_score
from models.shield.laundering import launder
from models.shield.measures import threshold_at

__all__ = ["Shield", "Teachers", "Trusted", "num_held_out", "perturb", "pick"]

MADE = 256  # images of the present generator in one lesson
PAST_SLOTS, PAST_IMAGES = 8, 128  # what is kept of earlier ones
LAUNDERINGS = 3  # JPEG copies of the trusted images, beside themselves
LAUNDERED = 0.2  # share of the generated and forged images that are saved as JPEG
DISGUISED = 6  # every so many-th generated or forged image is moved to where the head finds it real
PGD_STEPS = 2
PGD_REACH = 2.5  # how many times the steps together can cross the ball
TRUNK_RATE = 0.1  # the trunk knows something already; learning as fast as the rest, it unlearns it
BETAS = (0.9, 0.99)


class Trusted(NamedTuple):
    """Images that somebody vouches for: uint8 (N, C, H, W), and their classes (N,)."""

    images: torch.Tensor
    classes: torch.Tensor

    def part(self, rows: slice) -> "Trusted":
        """Some of them."""
        return Trusted(self.images[rows], self.classes[rows])


class Teachers(NamedTuple):
    """The networks that the head learns from, as they are at this moment."""

    generator: torch.nn.Module
    discriminator: torch.nn.Module


class Shield:
    """A head that is taught in lessons, and between them lets through what it takes for real.

    All that is drawn at random follows from (seed, nimg), so a resumed training has the same lessons. Every process of
    a training has a shield of its own, and all of them come to the same.
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
        self.num_lessons = torch.zeros((), dtype=torch.int64)
        self.past = torch.zeros(
            (PAST_SLOTS, PAST_IMAGES, spec.channels, spec.resolution, spec.resolution), dtype=torch.uint8, device=device
        )
        self._divide(trusted)

    def _divide(self, trusted: Trusted) -> None:
        """Shuffle the trusted images, and set those aside that set the threshold."""
        draws = Draws((self.seed, 0, 1), torch.device("cpu"), len(trusted.images))
        order = draws.uniform(0, 1).argsort()
        images = trusted.images[order].to(self.device)
        classes = trusted.classes[order].to(self.device)
        held_out = num_held_out(len(order), self.config)
        threshold_at(torch.zeros(held_out), self.config.false_positive_rate)  # refuses too few of them
        self.held_out = images[:held_out]
        self.held_out_scores = torch.full((held_out,), torch.nan, device=self.device)
        self.lessons = Trusted(images[held_out:], classes[held_out:])
        honest = to_float(self.lessons.images)
        copies = [launder(honest, Draws((self.seed, copy, 2), self.device, len(honest))) for copy in range(LAUNDERINGS)]
        self.honest = torch.cat([honest, *copies])
        distance = laundering_distance(honest, Draws((self.seed, 0, 11), self.device, len(honest)))
        self.lookalike_distance = torch.tensor(distance)

    def is_due(self, nimg: int, batch_size: int) -> bool:
        """Whether a lesson comes before the batch that begins at `nimg`."""
        interval = self.config.interval_nimg
        return nimg == 0 or nimg // interval != (nimg - batch_size) // interval

    def learn(self, teachers: Teachers, nimg: int) -> None:
        """One lesson, and the threshold that follows from it; the first one is longer."""
        is_first = not self.num_lessons
        if is_first:
            self.head.start_from(teachers.discriminator)
        was_training = teachers.discriminator.training
        teachers.discriminator.eval()
        made = self.generate(teachers.generator, nimg)
        generated = to_float(torch.cat([made, self.past[: int(self.num_lessons)].flatten(0, 1)]))
        steps = self.config.first_steps if is_first else self.config.steps
        for step in range(steps):
            # Each lesson ends in small steps: the threshold is for the head as it is then.
            for group, factor in zip(self.optimizer.param_groups, (TRUNK_RATE, 1), strict=True):
                group["lr"] = self.config.learning_rate * factor * (1 - step / steps)
            self._descend(self._batch(teachers, generated, (self.seed, nimg, step, 3)))
        teachers.discriminator.train(was_training)
        self._remember(made, nimg)
        self.held_out_scores = self.score(self.held_out)
        self.threshold = threshold_at(self.held_out_scores, self.config.false_positive_rate)

    @torch.no_grad()
    def score(self, images: torch.Tensor) -> torch.Tensor:
        """log-odds of being real, (N,), of uint8 or float images."""
        floats = to_float(images) if images.dtype == torch.uint8 else images
        return torch.cat([real_score(self.head(part)) for part in torch.split(floats, 1024)])

    def admit(self, images: torch.Tensor) -> torch.Tensor:
        """Which of `images` may count as real: p_real at or above the threshold, bool (N,)."""
        return self.score(images) >= self.threshold

    @torch.no_grad()
    def generate(self, generator: torch.nn.Module, nimg: int) -> torch.Tensor:
        """uint8 images (MADE, C, H, W) of the generator as it is at `nimg`."""
        draws = Draws((self.seed, nimg, 4), self.device, MADE)
        z = draws.normal(self.spec.latent_dim)
        num_classes = self.spec.num_classes
        classes = draws.uniform(0, num_classes).long().clamp(max=num_classes - 1) if num_classes else None
        return to_uint8(generator(z, classes))

    def _remember(self, made: torch.Tensor, nimg: int) -> None:
        """Keep some images of this lesson's generator: a fair choice of all the generators there were."""
        lesson = int(self.num_lessons)
        slot = lesson
        if lesson >= PAST_SLOTS:
            slot = int(Draws((self.seed, nimg, 5), torch.device("cpu"), 1).uniform(0, lesson + 1))
        if slot < PAST_SLOTS:
            self.past[slot] = made[:PAST_IMAGES]
        self.num_lessons += 1

    def _batch(
        self, teachers: Teachers, generated: torch.Tensor, seed: tuple[int, ...]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and targets of one step: as many of each class."""
        size = self.config.batch_size
        draws = Draws(seed, self.device, size)
        real, made = pick(self.honest, draws), pick(generated, draws)
        forged = self.forge(teachers, self.config.attacks, draws, seed)
        images = torch.cat([wash(made, draws), wash(forged, draws)])
        if self.config.epsilon:
            some = images[::DISGUISED]
            own = Draws((*seed, 6), self.device, len(some))
            images[::DISGUISED] = self.disguise(some, self.config.epsilon, PGD_STEPS, own)
        targets = torch.tensor([REAL, GENERATED, FORGED], device=self.device).repeat_interleave(size)
        return torch.cat([real, images]), targets

    def forge(
        self, teachers: Teachers, attacks: tuple[AttackName, ...], draws: Draws, seed: tuple[int, ...]
    ) -> torch.Tensor:
        """Forgeries made from images of the lessons, float (rows of `draws`), as many by each of `attacks`."""
        chosen = (draws.uniform(0, 1) * len(self.lessons.images)).long().clamp(max=len(self.lessons.images) - 1)
        images, classes = to_float(self.lessons.images[chosen]), self.lessons.classes[chosen]
        edges = [len(images) * number // len(attacks) for number in range(len(attacks) + 1)]
        parts = []
        for number, name in enumerate(attacks):
            part = slice(edges[number], edges[number + 1])
            own = Draws((*seed, 7, number), self.device, edges[number + 1] - edges[number])
            parts.append(self.attack(teachers, name, images[part], classes[part], own))
        return torch.cat(parts)

    def attack(
        self, teachers: Teachers, name: AttackName, images: torch.Tensor, classes: torch.Tensor, draws: Draws
    ) -> torch.Tensor:
        """Float `images` (N, C, H, W) forged in one way; fgsm and pgd turn the discriminator against them."""
        if name in FORGERIES:
            return FORGERIES[name](images, draws)

        def unlikely(moved: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = teachers.discriminator(moved, classes if self.spec.num_classes else None)
            return -logits

        epsilon = self.config.epsilon * 2 / 255
        return (
            fgsm(images, unlikely, epsilon) if name == "fgsm" else perturb(images, unlikely, epsilon, PGD_STEPS, draws)
        )

    def disguise(self, images: torch.Tensor, epsilon: float, steps: int, draws: Draws) -> torch.Tensor:
        """Float `images` moved by up to `epsilon` 255ths to where this head finds them real: the adaptive attack."""
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
        """All of the state by name, but for the trusted images."""
        flat = {f"head.{name}": value for name, value in self.head.state_dict().items()}
        flat |= {f"optimizer.{name}": value for name, value in optimizer_tensors(self.optimizer).items()}
        return flat | {
            "threshold": self.threshold,
            "held_out_scores": self.held_out_scores,
            "lookalike_distance": self.lookalike_distance,
            "num_lessons": self.num_lessons,
            "past": self.past,
        }

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Become what `tensors()` gave. Raises CheckpointError where there is nothing of a shield."""
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
        self.num_lessons = tensors["num_lessons"]
        self.past = tensors["past"].to(self.device)


def perturb(images: torch.Tensor, score: Score, epsilon: float, steps: int, draws: Draws) -> torch.Tensor:
    """PGD from a random start, with steps that together can cross the ball 2.5 times."""
    noise = draws.uniform(-epsilon, epsilon, *images.shape[1:])
    return pgd(images, score, noise, epsilon=epsilon, steps=steps, step_size=PGD_REACH * epsilon / steps)


def num_held_out(number: int, config: ShieldConfig) -> int:
    """How many of so many trusted images set the threshold."""
    return round(config.held_out * number)


def pick(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """One of `images` for each row, the same one more than once if need be."""
    return images[(draws.uniform(0, 1) * len(images)).long().clamp(max=len(images) - 1)]


def wash(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """`images` with a share of them saved as JPEG in between."""
    num_washed = round(LAUNDERED * len(images))
    if not num_washed:
        return images
    part = Draws((int(draws.uniform(0, 2**24)[0]), 8), images.device, num_washed)
    return torch.cat([launder(images[:num_washed], part), images[num_washed:]])
