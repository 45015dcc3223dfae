"""The dossier of a registered version: model card, ML-BOM, Croissant, checked lineage, licences and limits; push, pull.

Libraries of the extra `dossier` are imported when they are needed; config is imported at once.
"""
