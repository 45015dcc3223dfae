"""The training child process and its run directory. This package combines shards and models.

May import shards, models, reports, tasks.home and tasks.errors. Imports neither Prefect nor MLflow.
"""

__all__ = [
    "batches",
    "config",
    "costs",
    "live_page",
    "locks",
    "nodes",
    "pictures",
    "run_directory",
    "traces",
    "trusted",
    "worker",
]
