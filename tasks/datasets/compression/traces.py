"""Looks for traces of JPEG in the pixels of files of lossless formats: some were decoded from JPEG files."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch

from models.compression.quality import FINE, QUALITIES, SAMPLINGS, find_encodings
from models.grids import to_float
from shards import Probe, ShardConfig, probe
from shards.sources.entries import Entry
from tasks.datasets.compression.collection import Traces

LARGEST, SMALLEST = 64, 16  # pixels of the square at the centre that is looked at, a multiple of JPEG's blocks of 8
BLOCK = 8
# By so much a quality must be more likely, in the logarithm, than no compression. With 10, none of 60 clean digits and
# emoji is taken for a JPEG below quality 65, and one of six digits and nine of ten emoji of JPEG 15 are recognised.
SURE = 10.0


def find_traces(entries: Sequence[Entry], config: ShardConfig) -> Traces:
    """Decode these files in the sandbox of builds, and find the JPEG quality that their pixels show.

    Traces vanish when an image is scaled, or cropped at another place than a multiple of 8 pixels.
    """
    update = {"shape": "as_is", "encoding": "png", "channels": 3, "marked": "keep", "duplicates": "bytes"}
    found = [pixels for one in probe(entries, config.model_copy(update=update)) if (pixels := _pixels(one)) is not None]
    sides = sorted(min(pixels.shape[1:]) for pixels in found)
    if not sides:
        return Traces(num_looked=0, qualities={})
    side = min(max(sides[len(sides) // 5] // BLOCK * BLOCK, SMALLEST), LARGEST)
    squares = [_square(pixels, side) for pixels in found if min(pixels.shape[1:]) >= side]
    return Traces(num_looked=len(squares), qualities=_qualities(np.stack(squares)) if squares else {})


def _pixels(one: Probe) -> np.ndarray | None:
    return one.sample.decode() if one.sample else None


def _square(pixels: np.ndarray, side: int) -> np.ndarray:
    top, left = ((length - side) // 2 // BLOCK * BLOCK for length in pixels.shape[1:])
    return pixels[:, top : top + side, left : left + side]


def _qualities(images: np.ndarray) -> dict[int, int]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # many small operations: on a busy machine, threads that wait for each other take longer
    try:
        evidence = find_encodings(to_float(torch.from_numpy(images)), SAMPLINGS)
    finally:
        torch.set_num_threads(threads)
    likely = evidence.log_likelihood.amax(dim=1)
    best = likely.argmax(dim=1)
    is_sure = (likely.gather(1, best[:, None])[:, 0] - likely[:, FINE] > SURE) & (evidence.is_telling > 0)
    return dict(Counter(QUALITIES[index] for index in best[is_sure].tolist()).most_common())
