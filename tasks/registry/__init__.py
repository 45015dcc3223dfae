"""Registered model versions: registration, the champion, the promotion rule, signatures and the audit of lineage.

May import flow_runs, tracking, trainer, reports, tasks.home and tasks.errors.
"""

__all__ = [
    "audit",
    "champion_check",
    "config",
    "costs",
    "decisions",
    "loaded_generator",
    "overview",
    "packaging",
    "promotion",
    "signing",
    "versions",
]
