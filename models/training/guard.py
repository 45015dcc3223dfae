"""Watches a training between the steps of the loop: health events, rollbacks, checkpoints and their scores.

A checkpoint is scored elsewhere while training goes on. Its score is read just before the next checkpoint is written,
and awaited if necessary. So its consequences happen at the same image in every repetition of the training.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import torch

from models.compute.parallel import World
from models.errors import CheckpointError, DivergedError, EvaluationError
from models.training.checkpoints import BackgroundWriter, Best, CheckpointStore
from models.training.config import TrainConfig
from models.training.health import Event, Name, Spread, collapsed, discriminator_won, score_worse
from models.training.health_config import Action
from models.training.io import Scored, TrainerIO
from models.training.state import TrainState

logger = logging.getLogger(__name__)
SEVERITY = ("warn", "rollback", "stop")


class Scorer(Protocol):
    """Scores checkpoints that are on disk, while training goes on."""

    def start(self, nimg: int) -> None:
        """Begin to score the checkpoint at `nimg`, unless it is scored already or being scored."""

    def collect(self, nimg: int, should_stop: Callable[[], bool]) -> Scored | None:
        """Wait for the score. Return None once `should_stop()` is true. Raises EvaluationError if scoring failed."""


class Guard:
    """Watches one training. Every process calls the same methods of its own guard; the main one decides and writes."""

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
        self.clock = io.clock
        self.scorer = scorer if world.is_main and config.health.score_ticks else None
        self.writer = BackgroundWriter(store)
        self.saved_nimg = state.nimg if store.committed() else -1

    @property
    def is_done(self) -> bool:
        """Whether the training is finished or was stopped by an event."""
        return self.state.nimg >= self.config.nimg or bool(self.state.health.stopped)

    def after_tick(self, row: Mapping[str, float], images: torch.Tensor, labels: torch.Tensor) -> None:
        """Check a tick and its last batch. Raises DivergedError where the event ends the training."""
        health = self.state.health
        real = Spread(health.real_spread)
        real.add(images, self._classes(labels))
        health.real_spread = real.sums
        health.num_won = health.num_won + 1 if discriminator_won(row, self.policy) else 0
        self._apply(self._won_event() if health.num_won == self.policy.won_ticks else None)

    def after_snapshot(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Check the generated images of a snapshot."""
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
        """Roll back from values that are not finite, or raise `error` where the policy says stop or none is left."""
        self._apply(self._event("non_finite", self.policy.non_finite, str(error)), error)

    def end_tick(self) -> None:
        """Write a checkpoint if one is due after this tick; otherwise start a pending score."""
        intervals = (self.config.checkpoint_ticks, self.policy.score_ticks if self.scorer else 0)
        in_turn = any(every and self.state.num_ticks % every == 0 for every in intervals)
        self.state.health.is_due = self.world.any(in_turn or self.is_done)
        self._start_scoring()
        self.save_if_due()

    def save_if_due(self) -> None:
        """Where a checkpoint is due, read the score of the previous one, then write it.

        If the training is told to stop while it waits for the score, nothing changes; the resumed training repeats it.
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
        """Write everything to disk. A stopped training saves its present state with the loop's own `values`."""
        if (not self.is_done or self.state.health.is_due) and self.saved_nimg != self.state.nimg:
            self._save(interim=True, values=values)
        if self.is_done and not self.state.health.is_due:
            event, _ = self._look_at_score()
            if event:
                self.io.notify(Event(event.nimg, event.name, "warn", event.reason).row())
        with self.clock.spend("checkpoint"):
            self.writer.wait()
        self.world.wait()

    def _classes(self, labels: torch.Tensor) -> torch.Tensor:
        return labels if self.state.spec.num_classes else torch.zeros_like(labels)

    def _save(self, interim: bool, values: Mapping[str, Any] | None = None) -> None:
        self.saved_nimg = self.state.nimg
        if self.world.is_main:
            with self.clock.spend("checkpoint"):
                everything = {**self.state.values(), **(values or {})}
                self.writer.save(self.state.nimg, self.state.tensors(), everything, interim)

    def _wants_score(self) -> bool:
        """Whether this checkpoint is scored: at intervals, and at the end if there are scores to compare with."""
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
        """Read the pending score: returns the event that it causes, if any, and whether waiting was interrupted."""
        pending = self.state.health.pending_nimg
        if self.scorer is None or pending is None:
            return None, False
        with self.clock.spend("checkpoint"):
            self.writer.wait()
        try:
            with self.clock.spend("evaluation"):
                self.scorer.start(pending)
                scored = self.scorer.collect(pending, self.io.should_stop)
        except EvaluationError as error:
            self.state.health.pending_nimg = None
            return Event(self.state.nimg, "scorer_failed", "warn", f"no score at {pending:,} images: {error}"), False
        if scored is None:
            return None, True
        self.state.health.pending_nimg = None
        events = [event for event in (self._judge(scored.score), self._compare(scored)) if event]
        decided = max(events, key=lambda event: SEVERITY.index(event.action), default=None)
        for other in events:
            if other is not decided:  # one action is enough
                self.io.notify(replace(other, action="warn").row())
        return decided, False

    def _compare(self, scored: Scored) -> Event | None:
        """Count how often in a row the images were much more alike than real ones."""
        health, policy = self.state.health, self.policy
        if scored.diversity is None or scored.score.nimg < policy.collapsed_from_nimg:
            return None
        alike = scored.diversity.below(policy.diversity_share)
        health.num_alike = health.num_alike + 1 if alike else 0
        if health.num_alike != policy.diversity_patience:
            return None
        parts = ", ".join(f"{value:.2g} ({name})" for name, value in list(alike.items())[:8])
        reason = (
            f"generated images are too much alike at {scored.score.nimg:,} images, {health.num_alike} scores in a row: "
            f"their mean distance in the features of the score, over that of real images, is {parts}, expected at "
            f"least {policy.diversity_share:g}; look at the sample grid, and try another train.seed, a lower "
            "train.learning_rate or more augmentation"
        )
        return self._event("low_diversity", policy.low_diversity, reason)

    def _judge(self, score: Best) -> Event | None:
        """Count the score, and record it in the store if it is the best so far."""
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
        """The event, with the action that is possible: one rollback per run, and only if there is a checkpoint."""
        action = wanted
        self.writer.wait()
        if wanted == "rollback":
            if self.state.health.num_rollbacks:
                action, reason = "stop", f"{reason}; the training was rolled back once already"
            elif not self.store.committed(interim=False):
                action, reason = "stop", f"{reason}; there is no checkpoint to roll back to"
        return Event(self.state.nimg, name, action, reason)

    def _apply(self, event: Event | None, error: DivergedError | None = None) -> None:
        """Carry out the action of the main process's event in every process."""
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
            raise CheckpointError(
                f"{self.store.directory} has no undamaged checkpoint to roll back to: train under another run name"
            )
        logger.warning("rolled back to the state at %s images", f"{checkpoint.nimg:,}")
        self.state.return_to(checkpoint, self.policy.rollback_factor)
        # The next save deletes old checkpoints. Wait until every process has read its own.
        self.world.wait()

    def _stop(self, event: Event | None, error: DivergedError | None) -> None:
        """Stop with the best checkpoint as the result; raise DivergedError where nothing was scored."""
        reason = event.reason if event else "stopped by the main process"
        if error is not None or not self.world.any(self.state.health.best_score is not None):
            raise DivergedError(reason) from error
        self.state.health.stopped = reason
