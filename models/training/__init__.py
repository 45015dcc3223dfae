"""The training loop: settings, state, checkpoints, health checks and rollback, schedules and size estimates.

May import every other room of models except classifier.
"""

__all__ = ["checkpoints", "config", "estimates", "health", "health_config", "io", "loop", "state", "steps"]
