"""One image: from the bytes of a file to pixels, and from pixels to a stored sample.

May import shards.errors only.
"""

__all__ = ["containers", "conversion", "formats", "geometry", "inspection", "likeness", "recipe", "recompression"]
