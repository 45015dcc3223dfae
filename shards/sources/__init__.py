"""Lists images from folders, archives, listings, parquet tables, shards and the web, and reads their bytes.

May import storage, processes, layout, shards.config and shards.errors.
"""

__all__ = ["entries", "folders", "opening", "source"]
