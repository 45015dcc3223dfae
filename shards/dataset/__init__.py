"""A dataset version as a whole: `Dataset`, `Blend`, verification, and the traces of JPEG compression.

May import storage, layout, reading and shards.errors.
"""

__all__ = ["blend", "dataset", "traces", "verification"]
