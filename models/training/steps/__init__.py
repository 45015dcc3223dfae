"""One training step: computed kernel by kernel, or replayed from a recording.

May import what models/training may import, and its config, schedules and state.
"""

from models.training.steps.step import Statistics, take_step

__all__ = ["Statistics", "recorded", "step", "take_step"]
