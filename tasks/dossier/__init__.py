"""The dossier of a registered version: model card, ML-BOM, Croissant, checked lineage, licences and limits; push, pull.

May import registry, tracking, trainer, reports, tasks.home and tasks.errors. Libraries of the extra `dossier` are
imported when they are needed.
"""

__all__ = ["config", "exchange", "writing"]
