"""Where images come from: folders, archives, listings, parquet tables, other shards and the web.

May import storage, processes, layout, shards.config and shards.errors.
"""

__all__ = ["entries", "folders", "opening", "source"]
