"""One image: from bytes to pixels, and from pixels to the stored sample.

May import shards.errors only.
"""

__all__ = ["conversion", "formats", "likeness", "recipe", "recompression"]
