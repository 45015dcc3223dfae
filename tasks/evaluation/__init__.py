"""The Prefect tasks that score a registered version and publish the report; its images as files; its dossier.

May import registry and the rooms below it, not datasets, training or service.
"""

__all__ = [
    "approval_page",
    "comparison",
    "dossier",
    "export",
    "feature_nets",
    "measuring",
    "outcome",
    "publishing",
    "stage",
]
