"""Everything about Prefect flow runs: names, progress, logs, artifacts, liveness, exclusion.

May import tracking, trainer, reports, tasks.home and tasks.errors.
"""

__all__ = [
    "announcements",
    "artifacts",
    "assets",
    "exclusion",
    "liveness",
    "logs",
    "progress",
    "reconciliation",
    "run_names",
    "schedules",
    "summary",
    "terminal",
]
