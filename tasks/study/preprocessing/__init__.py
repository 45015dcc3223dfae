"""Choices of preprocessing, made to real images: filters, decode scales, colour subsampling, ranges of values.

Where the pipeline has a setting (`shard.resample`, the subsampling of `shard.encoding`, its own decode scale), its code
makes the images. Where it has none and should have none, the choice is made here, to show what it would have cost.
"""

__all__ = ["choice", "measuring"]
