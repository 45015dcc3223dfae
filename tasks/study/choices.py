"""Choices of preprocessing, made to real images: filters, decode scales, colour subsampling, ranges of values.

Where the pipeline has a setting (`shard.resample`, the subsampling of `shard.encoding`, its own decode scale) its code
makes the images. Where it has none and should have none, the choice is made here, to show what it would have cost.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from PIL import Image, JpegImagePlugin
from pydantic import BaseModel, ConfigDict

from models.features.feature_net import Array
from models.grids import to_float, to_uint8
from models.metrics.evaluation import Scores
from shards import Dataset, Recipe, Sample, ShardConfig, convert, recompress
from tasks.trainer.pictures import SPLIT

Make = Callable[[], Array]
NO_SETTING = "no setting"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Choice(BaseModel):
    """One choice and what it does; `scores` is None where it does nothing here, which `note` explains."""

    model_config = ConfigDict(frozen=True)

    group: str
    name: str
    setting: str
    scores: Scores | None = None
    changed: float = 0.0  # mean absolute difference to the clean images, in levels of 0 to 255
    bytes_per_image: float | None = None
    note: str = ""


Plan = tuple[Choice, Make | None]  # None where the choice does nothing here


# Resizing


def filters(source: Dataset, shard: ShardConfig) -> Iterator[Plan]:
    """Ways of coming to the resolution, from the untouched files of the version `source`."""
    group = "Resizing filter"
    for name in ("lanczos", "box"):
        recipe = replace(shard.recipe(), resample=name, encoding="png")
        note = "as in the dataset" if name == shard.resample else ""
        yield Choice(group=group, name=name, setting="shard.resample", note=note), _from_files(source, recipe)
    if shard.shape != "crop":
        return
    side = shard.resolution
    for name, note, scale in (
        ("bicubic", "Pillow's, widened when it shrinks", _resize(Image.Resampling.BICUBIC, side)),
        ("bilinear", "Pillow's, widened when it shrinks", _resize(Image.Resampling.BILINEAR, side)),
        (
            "bilinear, not widened",
            "what torch and OpenCV do unless told otherwise: aliases what shrinks",
            _sample_bilinear(side),
        ),
        ("nearest", "aliases what shrinks", _resize(Image.Resampling.NEAREST, side)),
    ):
        yield Choice(group=group, name=name, setting=NO_SETTING, note=note), _from_pixels(source, shard, scale)


def _from_files(source: Dataset, recipe: Recipe) -> Make:
    """The val images as the pipeline makes them from the untouched files with this recipe."""
    return lambda: np.stack([_array(_opened(_stored(sample, recipe))) for sample in source.stream(SPLIT)])


def _from_pixels(source: Dataset, shard: ShardConfig, scale: Callable[[Image.Image], Image.Image]) -> Make:
    """The val images, decoded at full size by the pipeline, then cropped and scaled here."""
    recipe = replace(shard.recipe(), shape="as_is", encoding="png")

    def make() -> Array:
        return np.stack([_array(scale(_square(_opened(_stored(s, recipe))))) for s in source.stream(SPLIT)])

    return make


def _resize(resampling: Image.Resampling, side: int) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.resize((side, side), resampling)


def _sample_bilinear(side: int) -> Callable[[Image.Image], Image.Image]:
    def scale(image: Image.Image) -> Image.Image:
        # EXTENT looks at the four nearest pixels of each target pixel's centre, however far these lie apart.
        box = (0, 0, *image.size)
        return image.transform((side, side), Image.Transform.EXTENT, box, Image.Resampling.BILINEAR)

    return scale


# Decode scale


def decode_scales(source: Dataset, shard: ShardConfig) -> Iterator[Plan]:
    """Scales at which libjpeg may decode what is made smaller anyway."""
    group = "Decode scale of JPEG"
    edges = [min(_size(sample)) for sample in source.stream(SPLIT)]
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


def _through_jpeg(source: Dataset, shard: ShardConfig, least: int) -> Make:
    """Val images saved as JPEG at full size and decoded at the smallest scale that leaves `least` times the target."""
    recipe = replace(shard.recipe(), shape="as_is", encoding="jpeg:95:444")

    def make() -> Array:
        made = []
        for sample in source.stream(SPLIT):
            image = _opened(_stored(sample, recipe))
            assert isinstance(image, JpegImagePlugin.JpegImageFile)
            if least:
                fraction = least * shard.resolution / min(image.size)
                image.draft(None, (int(image.width * fraction), int(image.height * fraction)))
            made.append(_array(_square(image).resize((shard.resolution,) * 2, Image.Resampling.LANCZOS)))
        return np.stack(made)

    return make


# Colour subsampling


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


# Range of values


def ranges(images: Array) -> Iterator[Plan]:
    """Ways of mapping bytes to what a network makes, and back."""
    group = "Range of values"
    pixels = torch.from_numpy(images)
    rows = [
        ("[-1, 1] for tanh, and back", "fixed", "as in the pipeline", to_uint8(to_float(pixels)).numpy()),
        ("[-1, 1] in bfloat16", NO_SETTING, "sign and 8 bits of mantissa tell all bytes apart", _in_bfloat16(pixels)),
        ("cut off, not rounded, to bytes", NO_SETTING, "values between two bytes, taken down", _cut_off(images)),
        ("ImageNet's mean and deviation", NO_SETTING, "no tanh makes what lies outside [-1, 1]", _clipped(pixels)),
    ]
    for name, setting, note, made in rows:
        yield Choice(group=group, name=name, setting=setting, note=note), partial(np.asarray, made)


def _in_bfloat16(pixels: torch.Tensor) -> Array:
    return to_uint8(to_float(pixels).to(torch.bfloat16).float()).numpy()


def _cut_off(images: Array) -> Array:
    """Bytes of values that lie anywhere within half a step of the images', as a generator's do, rounded down."""
    near = np.random.default_rng(0).uniform(-0.5, 0.5, images.shape)
    return np.floor(np.clip(images + near, 0, 255)).astype(np.uint8)


def _clipped(pixels: torch.Tensor) -> Array:
    """What is left of images that are normalised by ImageNet's mean and deviation where only [-1, 1] can be made."""
    channels = slice(None) if pixels.shape[1] == 3 else slice(0, 1)
    mean = torch.tensor(IMAGENET_MEAN)[channels].view(1, -1, 1, 1)
    std = torch.tensor(IMAGENET_STD)[channels].view(1, -1, 1, 1)
    reached = ((pixels / 255 - mean) / std).clamp(-1, 1)
    return ((reached * std + mean) * 255).round().clamp(0, 255).to(torch.uint8).numpy()


# Files


def _size(sample: Sample) -> tuple[int, int]:
    """Width and height of a stored file."""
    with Image.open(io.BytesIO(sample.encoded)) as image:
        return image.size


def _stored(sample: Sample, recipe: Recipe) -> bytes:
    """What the pipeline makes of an untouched file by this recipe."""
    return convert(sample.encoded, recipe).samples[0].data


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=["PNG", "JPEG"])


def _array(image: Image.Image) -> Array:
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _square(image: Image.Image) -> Image.Image:
    """The largest centred square; a JPEG that was asked for a smaller scale is decoded at that."""
    image.load()
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    return image.crop((left, top, left + edge, top + edge))
