"""The training child process and its run directory, where shards and models meet.

May import shards, models, reports, tasks.home and tasks.errors: neither Prefect nor MLflow.
"""

__all__ = ["batches", "config", "digests", "pictures", "run_directory", "traces", "trusted"]
