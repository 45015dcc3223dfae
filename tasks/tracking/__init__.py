"""MLflow runs: parameters, metrics and artifacts, links to them, and patience with servers that are away.

May import trainer, reports, tasks.home and tasks.errors.
"""

__all__ = ["databases", "lineage", "links", "model_ref", "outages", "runs", "tags"]
