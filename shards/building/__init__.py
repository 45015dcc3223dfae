"""From a source to a dataset version: the builder, its ledger of files, the writer and the contact sheet.

May import every other room of shards except dataset and reading.
"""

__all__ = ["builder", "progress", "screening", "synthetic"]
