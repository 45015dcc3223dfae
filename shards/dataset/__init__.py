"""A finished dataset version as a whole: its verification and its JPEG compression traces.

May import storage, layout, reading and shards.errors.
"""

__all__ = ["dataset", "traces", "verification"]
