"""The Prefect tasks that score a registered version and publish the report.

May import registry and the rooms below it, not datasets, training or service.
"""

__all__ = ["feature_nets", "publishing", "samples", "stage"]
