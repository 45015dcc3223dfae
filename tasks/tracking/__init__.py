"""MLflow runs: parameters, metrics, artifacts and links, and retries when a server does not answer.

May import trainer, reports, tasks.home and tasks.errors.
"""

__all__ = ["databases", "lineage", "links", "model_ref", "outages", "runs", "tags"]
