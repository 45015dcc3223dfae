"""A dataset version on disk or in a bucket: manifest, tar files, tables, and copying them.

May import storage, images, shards.config and shards.errors.
"""

__all__ = ["identity", "manifest", "publishing", "tables", "tars"]
