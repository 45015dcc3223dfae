"""MLflow runs: parameters, metrics, artifacts and links, and retries when a server does not answer.

May import trainer, reports, tasks.home and tasks.errors.
"""

__all__ = ["databases", "descriptions", "lineage", "links", "model_ref", "outages", "runs", "tags"]
