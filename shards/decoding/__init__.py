"""Sandboxed child processes that decode images, and the partitions that their work is divided into.

May import storage, processes, images, sources and shards.errors.
"""

__all__ = ["fanout", "partition"]
