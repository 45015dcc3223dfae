"""The watch over a training: events, rollbacks, checkpoints and their scores, between the loop's steps.

A checkpoint is scored elsewhere while training goes on. Its score is looked at just before the next checkpoint is
written, waited for if need be, so that what follows from it happens at the same image in every repetition.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch

from models.compute.parallel import World
from models.errors import CheckpointError, DivergedError, EvaluationError
from models.training.checkpoints import BackgroundWriter, Best, CheckpointStore
from models.training.config import TrainConfig
from models.training.health import Action, Event, Name, Spread, collapsed, discriminator_won, score_worse
from models.training.io import TrainerIO
from models.training.state import TrainState

__all__ = ["Guard", "Scorer"]

logger = logging.getLogger(__name__)


class Scorer(Protocol):
    """Takes scores of checkpoints that are on disk, beside the training."""

    def start(self, nimg: int) -> None:
        """Begin to score the checkpoint at `nimg`; a score that is known or being taken is not taken again."""

    def collect(self, nimg: int, should_stop: Callable[[], bool]) -> Best | None:
        """Wait for the score; None as soon as `should_stop()`. Raises EvaluationError where it cannot be had."""


class Guard:
    """Watches one training; every process has one and calls the same methods, the main one decides and writes."""

    def __init__(
        self,
        state: TrainState,
        config: TrainConfig,
        store: CheckpointStore,
        world: World,
        io: TrainerIO,
        scorer: Scorer | None,
    ) -> None:
        self.state = state
        self.config = config
        self.policy = config.health
        self.store = store
        self.world = world
        self.io = io
        self.scorer = scorer if world.is_main and config.health.score_ticks else None
        self.writer = BackgroundWriter(store)
        self.saved_nimg = state.nimg if store.committed() else -1

    @property
    def is_done(self) -> bool:
        """Whether there is nothing more to train."""
        return self.state.nimg >= self.config.nimg or bool(self.state.health.stopped)

    def after_tick(self, row: Mapping[str, float], images: torch.Tensor, labels: torch.Tensor) -> None:
        """Look at a tick and its last batch; raises DivergedError where that is what the event leads to."""
        health = self.state.health
        real = Spread(health.real_spread)
        real.add(images, self._classes(labels))
        health.real_spread = real.sums
        health.num_won = health.num_won + 1 if discriminator_won(row, self.policy) else 0
        self._apply(self._won_event() if health.num_won == self.policy.won_ticks else None)

    def after_snapshot(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Look at the generated images of a snapshot."""
        health = self.state.health
        if self.state.nimg < self.policy.collapsed_from_nimg:
            return
        generated = Spread({})
        generated.add(images, self._classes(labels))
        alike = collapsed(generated, Spread(health.real_spread), self.policy)
        health.num_collapsed = health.num_collapsed + 1 if alike else 0
        fires = health.num_collapsed == self.policy.collapsed_snapshots
        self._apply(self._collapsed_event(alike) if fires else None)

    def recover(self, error: DivergedError) -> None:
        """Go back from values that are not finite, or raise `error` where the policy or a second time forbids it."""
        self._apply(self._event("non_finite", self.policy.non_finite, str(error)), error)

    def end_tick(self) -> None:
        """Write a checkpoint if this tick is one's turn; else see to the score that is wanted."""
        intervals = (self.config.checkpoint_ticks, self.policy.score_ticks if self.scorer else 0)
        in_turn = any(every and self.state.num_ticks % every == 0 for every in intervals)
        self.state.health.is_due = self.world.any(in_turn or self.is_done)
        self._start_scoring()
        self.save_if_due()

    def save_if_due(self) -> None:
        """Where a checkpoint is due: look at the score of the one before, then write it.

        Told to stop while it waits for the score, it leaves all as it is: the resumed training comes here again.
        """
        if not self.state.health.is_due:
            return
        event, was_stopped = self._look_at_score()
        if self.world.any(was_stopped):
            return
        self._apply(event)
        health = self.state.health
        health.is_due = False
        health.pending_nimg = self.state.nimg if self._wants_score() else None
        self._save(interim=False)

    def finish(self, values: Mapping[str, Any]) -> None:
        """Bring all to disk; a training that was told to stop saves where it stands, with the loop's own `values`."""
        if (not self.is_done or self.state.health.is_due) and self.saved_nimg != self.state.nimg:
            self._save(interim=True, values=values)
        if self.is_done and not self.state.health.is_due:
            event, _ = self._look_at_score()
            if event:
                self.io.notify(Event(event.nimg, event.name, "warn", event.reason).row())
        self.writer.wait()
        self.world.wait()

    def _classes(self, labels: torch.Tensor) -> torch.Tensor:
        return labels if self.state.spec.num_classes else torch.zeros_like(labels)

    def _save(self, interim: bool, values: Mapping[str, Any] | None = None) -> None:
        self.saved_nimg = self.state.nimg
        if self.world.is_main:
            everything = {**self.state.values(), **(values or {})}
            self.writer.save(self.state.nimg, self.state.tensors(), everything, interim)

    def _wants_score(self) -> bool:
        """In turn; and the last one, where there is another to hold it against."""
        health = self.state.health
        if self.scorer is None or health.stopped:
            return False
        return bool(health.num_scores) if self.is_done else self.state.num_ticks % self.policy.score_ticks == 0

    def _start_scoring(self) -> None:
        pending = self.state.health.pending_nimg
        if self.scorer and pending is not None and self.writer.is_idle:
            self.writer.wait()
            self.scorer.start(pending)

    def _look_at_score(self) -> tuple[Event | None, bool]:
        """Take the pending score in: the event it is, if any, and whether waiting for it was cut short."""
        pending = self.state.health.pending_nimg
        if self.scorer is None or pending is None:
            return None, False
        self.writer.wait()
        try:
            self.scorer.start(pending)
            score = self.scorer.collect(pending, self.io.should_stop)
        except EvaluationError as error:
            self.state.health.pending_nimg = None
            return Event(self.state.nimg, "scorer_failed", "warn", f"no score at {pending:,} images: {error}"), False
        if score is None:
            return None, True
        self.state.health.pending_nimg = None
        return self._judge(score), False

    def _judge(self, score: Best) -> Event | None:
        """Count the score in; the best one so far is recorded in the store."""
        health, policy = self.state.health, self.policy
        health.num_scores += 1
        logger.info("%s is %.4g at %s images", score.name, score.value, f"{score.nimg:,}")
        if health.best_score is None or score.value < health.best_score:
            health.best_score, health.num_worse = score.value, 0
            self.store.set_best(score)
            return None
        health.num_worse = health.num_worse + 1 if score_worse(score.value, health.best_score, policy) else 0
        if health.num_worse != policy.score_patience:
            return None
        reason = (
            f"{score.name} is {score.value:.4g} at {score.nimg:,} images, the best was {health.best_score:.4g}: "
            f"{health.num_worse} scores in a row above {policy.score_factor:g} times the best"
        )
        return self._event("score_worse", policy.score_worse, reason)

    def _won_event(self) -> Event:
        reason = (
            f"the discriminator was right about at least {self.policy.won_accuracy:.1%} of the images for "
            f"{self.policy.won_ticks} ticks: try more augmentation, or a lower train.learning_rate"
        )
        return self._event("discriminator_won", self.policy.discriminator_won, reason)

    def _collapsed_event(self, alike: Mapping[int, float]) -> Event:
        of_class = "".join(f", class {label} {ratio:.2g}" for label, ratio in list(alike.items())[:8])
        where = of_class if self.state.spec.num_classes else f", {next(iter(alike.values())):.2g}"
        reason = (
            f"generated images of different latents hardly differ: variance over that of real images{where}, "
            f"expected above {self.policy.collapsed_spread:g}; try another train.seed or a lower train.learning_rate"
        )
        return self._event("collapsed_samples", self.policy.collapsed_samples, reason)

    def _event(self, name: Name, wanted: Action, reason: str) -> Event:
        """The event with what can be done about it: there is one rollback a run, and only to a checkpoint."""
        action = wanted
        self.writer.wait()
        if wanted == "rollback":
            if self.state.health.num_rollbacks:
                action, reason = "stop", f"{reason}; it was rolled back once already"
            elif not self.store.committed(interim=False):
                action, reason = "stop", f"{reason}; there is no checkpoint to go back to"
        return Event(self.state.nimg, name, action, reason)

    def _apply(self, event: Event | None, error: DivergedError | None = None) -> None:
        """Do what the main process's event asks for, in every process."""
        if event and self.world.is_main:
            self.io.notify(event.row())
        decided = event if self.world.is_main else None
        if self.world.any(decided is not None and decided.action == "rollback"):
            self._roll_back(to_best=error is None)
        elif self.world.any(decided is not None and decided.action == "stop"):
            self._stop(event, error)

    def _roll_back(self, to_best: bool) -> None:
        checkpoint = self.store.load_best() if to_best else self.store.load_latest(interim=False)
        if checkpoint is None:
            raise CheckpointError(f"{self.store.directory} holds no whole checkpoint to go back to")
        logger.warning("rolled back to the state at %s images", f"{checkpoint.nimg:,}")
        self.state.return_to(checkpoint, self.policy.rollback_factor)
        # The next save removes old checkpoints: not while another process still reads one.
        self.world.wait()

    def _stop(self, event: Event | None, error: DivergedError | None) -> None:
        """Where there are scores, the best generator stands; without, a training that broke down has nothing."""
        reason = event.reason if event else "stopped by the main process"
        if error is not None or not self.world.any(self.state.health.best_score is not None):
            raise DivergedError(reason) from error
        self.state.health.stopped = reason
