"""A dataset version on disk or in a bucket: manifest, tar files, tables, and the way they are copied.

May import storage, images, shards.config and shards.errors.
"""

__all__ = ["identity", "manifest", "publishing", "tables", "tars"]
