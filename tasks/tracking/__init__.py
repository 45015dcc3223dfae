"""MLflow runs: parameters, metrics, artifacts and links, retries when a server does not answer; what a home holds.

May import trainer, reports, tasks.home and tasks.errors.
"""

__all__ = [
    "approvals",
    "databases",
    "descriptions",
    "inventory",
    "lineage",
    "links",
    "model_ref",
    "outages",
    "runs",
    "tags",
    "telemetry",
    "trash",
]
