"""Decodes images in sandboxed child processes. The work is divided into partitions.

May import storage, processes, images, sources and shards.errors.
"""

__all__ = ["fanout", "partition", "probe"]
