"""Reads samples from shards: a split in memory, a stream, or shuffled windows, in a reproducible order.

May import storage, images, layout and shards.errors.
"""

__all__ = ["early", "mixture", "order", "pipeline", "resident", "slots", "stages", "streaming", "windows"]
