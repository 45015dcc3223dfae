"""Decodes images in sandboxed child processes, in partitions, and reads the headers of files in this process.

May import storage, processes, images, sources and shards.errors.
"""

__all__ = ["fanout", "heads", "partition", "probe"]
