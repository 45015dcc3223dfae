"""The Prefect task that starts the training child process, follows it and registers its model.

May import registry and the rooms below it, not datasets, evaluation or service.
"""

__all__ = ["costs", "delegation", "family", "outcome", "process", "quota", "sizes", "stage"]
