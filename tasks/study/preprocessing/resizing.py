"""How images come to the resolution: the resizing filter, and the scale at which libjpeg decodes."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from PIL import Image, JpegImagePlugin

from models.features.feature_net import Array
from shards import Dataset, Recipe, ShardConfig
from tasks.study.preprocessing.choice import NO_SETTING, Choice, Make, Plan
from tasks.study.preprocessing.files import cropped, opened, size_of, stored, to_array
from tasks.trainer.pictures import SPLIT


def filters(source: Dataset, shard: ShardConfig) -> Iterator[Plan]:
    """Filters that scale the unchanged files of the version `source` to the resolution."""
    group = "Resizing filter"
    for name in ("lanczos", "box"):
        recipe = replace(shard.recipe(), resample=name, encoding="png")
        note = "as in the dataset" if name == shard.resample else ""
        yield Choice(group=group, name=name, setting="shard.resample", note=note), _from_files(source, recipe)
    if shard.shape != "crop":
        return
    size = shard.recipe().size
    for name, note, scale in (
        ("bicubic", "Pillow's, widened when it shrinks", _resize(Image.Resampling.BICUBIC, size)),
        ("bilinear", "Pillow's, widened when it shrinks", _resize(Image.Resampling.BILINEAR, size)),
        (
            "bilinear, not widened",
            "what torch and OpenCV do unless told otherwise: aliases what shrinks",
            _sample_bilinear(size),
        ),
        ("nearest", "aliases what shrinks", _resize(Image.Resampling.NEAREST, size)),
    ):
        yield Choice(group=group, name=name, setting=NO_SETTING, note=note), _from_pixels(source, shard, scale)


def _from_files(source: Dataset, recipe: Recipe) -> Make:
    """The val images as the pipeline makes them from the untouched files with this recipe."""
    return lambda: np.stack([to_array(opened(stored(sample, recipe))) for sample in source.stream(SPLIT)])


def _from_pixels(source: Dataset, shard: ShardConfig, scale: Callable[[Image.Image], Image.Image]) -> Make:
    """The val images, decoded at full size by the pipeline, then cropped and scaled here."""
    recipe, size = replace(shard.recipe(), shape="as_is", encoding="png"), shard.recipe().size

    def make() -> Array:
        return np.stack([to_array(scale(cropped(opened(stored(s, recipe)), size))) for s in source.stream(SPLIT)])

    return make


def _resize(resampling: Image.Resampling, size: tuple[int, int]) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.resize(size, resampling)


def _sample_bilinear(size: tuple[int, int]) -> Callable[[Image.Image], Image.Image]:
    def scale(image: Image.Image) -> Image.Image:
        # EXTENT looks at the four nearest pixels of each target pixel's centre, however far these lie apart.
        box = (0, 0, *image.size)
        return image.transform(size, Image.Transform.EXTENT, box, Image.Resampling.BILINEAR)

    return scale


def decode_scales(source: Dataset, shard: ShardConfig) -> Iterator[Plan]:
    """Scales at which libjpeg can decode images that are scaled down afterwards."""
    group = "Decode scale of JPEG"
    edges = [_edge(size_of(sample), shard) for sample in source.stream(SPLIT)]
    side, edge = shard.resolution, int(np.median(edges)) if edges else 0
    if shard.shape != "crop" or edge < 2 * side:
        note = f"sources of {edge} pixels are decoded in full: scaling by halves would leave fewer than {side}"
        yield Choice(group=group, name="smaller than full size", setting="chosen by the pipeline", note=note), None
        return
    note = "the images at full size as JPEG 95 4:4:4, decoded in full, then scaled"
    yield Choice(group=group, name="1/1", setting=NO_SETTING, note=note), _through_jpeg(source, shard, 0)
    if edge >= 4 * side:
        note = "libjpeg's smallest scale that leaves twice the target, then the filter"
        yield (
            Choice(group=group, name="as the pipeline", setting="chosen by the pipeline", note=note),
            _through_jpeg(source, shard, 2),
        )
    note = "libjpeg's smallest scale that leaves the target, then the filter for the rest"
    yield Choice(group=group, name="the smallest", setting=NO_SETTING, note=note), _through_jpeg(source, shard, 1)


def _edge(size: tuple[int, int], shard: ShardConfig) -> int:
    """The height of the part of a file that becomes the stored image, in pixels."""
    width, height = shard.recipe().size
    return min(size[1], size[0] * height // width)


def _through_jpeg(source: Dataset, shard: ShardConfig, least: int) -> Make:
    """Val images saved as JPEG at full size and decoded at the smallest scale that leaves `least` times the target."""
    recipe = replace(shard.recipe(), shape="as_is", encoding="jpeg:95:444")

    def make() -> Array:
        made = []
        for sample in source.stream(SPLIT):
            image = opened(stored(sample, recipe))
            assert isinstance(image, JpegImagePlugin.JpegImageFile)
            if least:
                fraction = least * shard.resolution / _edge(image.size, shard)
                image.draft(None, (int(image.width * fraction), int(image.height * fraction)))
            size = shard.recipe().size
            made.append(to_array(cropped(image, size).resize(size, Image.Resampling.LANCZOS)))
        return np.stack(made)

    return make
