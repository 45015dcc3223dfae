"""How much of the colour JPEG keeps."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from models.features.feature_net import Array
from shards import recompress
from tasks.study.preprocessing.choice import Choice, Plan


def subsamplings(images: Array) -> Iterator[Plan]:
    """Full, half and quarter colour resolution of JPEG at two qualities."""
    group = "Colour subsampling of JPEG"
    if images.shape[1] == 1:
        note = "grey images have no colour to subsample"
        yield Choice(group=group, name="4:4:4, 4:2:0", setting="shard.encoding", note=note), None
        return
    for quality in (95, 75):
        for subsampling in ("444", "422", "420"):
            codec = f"jpeg:{quality}:{subsampling}"
            done = recompress(images, codec)
            size = done.num_bytes / len(images)
            name = f"{':'.join(subsampling)} at quality {quality}"
            choice = Choice(group=group, name=name, setting=f"shard.encoding={codec}", bytes_per_image=size)
            yield choice, partial(np.asarray, done.images)
