"""How the files of a collection were compressed, counted: from headers, or from the table of a dataset version."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from statistics import median
from typing import Any

from pydantic import BaseModel, ConfigDict

from shards import Dataset, Head
from shards.images.geometry import ON_ITS_SIDE

COARSE = 65  # a JPEG of a lower quality is coarse
LOSSY_WEBP, LOSSLESS_WEBP, OTHER_WEBP = "lossy WebP", "lossless WebP", "WebP"
LOSSLESS = ("PNG", LOSSLESS_WEBP)
JPEG = "JPEG"
_COLUMNS = (
    "format",
    "width",
    "height",
    "stored_width",
    "stored_height",
    "orientation",
    "jpeg_quality",
    "jpeg_subsampling",
)


class Traces(BaseModel):
    """Traces of JPEG in the pixels of files that are not JPEG: qualities with the number of images that show them."""

    model_config = ConfigDict(frozen=True)

    num_looked: int
    qualities: dict[int, int]

    @property
    def num_coarse(self) -> int:
        """The number of images that were a coarse JPEG once."""
        return sum(count for quality, count in self.qualities.items() if quality < COARSE)


class Collection(BaseModel):
    """Numbers of files by what their headers say, or without `from_headers` of images by what a build recorded.

    `formats` counts all of `num_known`.

    `coarse_unmoved` are the coarse JPEG files that a build stores without scaling, cropping or rotating them, so that
    their tables still describe the pixels. `coarse_sizes` are the sizes of the coarse files with their numbers,
    `scale` the median number of file pixels that one stored pixel covers, in one direction. `aspect` is the median
    ratio of width to height of files as they are shown. `rescaled` files have a
    smaller or larger size than their camera wrote, `resaved` ones were written by a program that compresses again.
    """

    model_config = ConfigDict(frozen=True)

    num_files: int
    num_known: int
    from_headers: bool = True
    is_sample: bool = True
    unreadable: dict[str, int] = {}
    formats: dict[str, int] = {}
    jpeg_qualities: dict[int, int] = {}
    subsampling: dict[str, int] = {}
    coarse_unmoved: int = 0
    coarse_sizes: dict[str, int] = {}
    scale: float | None = None
    aspect: float | None = None
    webp_qualities: dict[int, int] = {}
    palettes: dict[int, int] = {}
    rescaled: int = 0
    resaved: int = 0
    traces: Traces | None = None

    @property
    def num_coarse(self) -> int:
        """The number of JPEG files of a quality below `COARSE`."""
        return sum(count for quality, count in self.jpeg_qualities.items() if quality < COARSE)

    @property
    def num_lossless(self) -> int:
        """The number of files whose format loses nothing."""
        return sum(self.formats.get(name, 0) for name in LOSSLESS)

    def share(self, count: int) -> float:
        """Return a number of files as a share of those whose header is known."""
        return count / self.num_known if self.num_known else 0.0


def count_heads(heads: Iterable[Head], num_files: int) -> Collection:
    """Count the headers of some or all files of a source."""
    found = list(heads)
    known = [one for one in found if "reason" not in one.facts]
    jpegs = [one for one in known if kind_of(one.facts) == JPEG]
    coarse = [one for one in jpegs if (one.facts["jpeg_quality"] or 100) < COARSE]
    scales = [one.scale for one in known if one.scale is not None]
    aspects = [_aspect(one.facts) for one in known if one.facts.get("height")]
    return Collection(
        num_files=num_files,
        num_known=len(known),
        is_sample=len(found) < num_files,
        unreadable=_count(one.facts["reason"] for one in found if "reason" in one.facts),
        formats=_count(kind_of(one.facts) for one in known),
        jpeg_qualities=_count(one.facts["jpeg_quality"] for one in jpegs if one.facts["jpeg_quality"]),
        subsampling=_count(one.facts["jpeg_subsampling"] for one in jpegs if one.facts["jpeg_subsampling"]),
        coarse_unmoved=sum(one.is_unmoved for one in coarse),
        coarse_sizes=_count(f"{one.facts['width']}x{one.facts['height']}" for one in coarse),
        scale=median(scales) if scales else None,
        aspect=median(aspects) if aspects else None,
        webp_qualities=_count(one.facts["webp_quality"] for one in known if one.facts.get("webp_quality")),
        palettes=_count(one.facts["colours"] for one in known if one.facts.get("colours")),
        rescaled=sum("camera_size" in one.facts for one in known),
        resaved=sum("saved_by" in one.facts for one in known),
    )


def count_version(dataset: Dataset) -> Collection:
    """Count what the samples table of a version says about the files that its images were made from."""
    formats, qualities, subsampling = Counter[str](), Counter[int](), Counter[str]()
    sizes, scales, aspects = Counter[str](), Counter[float](), Counter[float]()
    unmoved = 0
    for row, count in _kinds(dataset):
        formats[{"WEBP": OTHER_WEBP, "MPO": JPEG}.get(row["format"], row["format"])] += count
        stored = row["stored_width"], row["stored_height"]
        if None not in stored:  # early releases did not record it
            scales[min(row["width"], row["height"]) / min(stored)] += count
        aspects[_aspect(row)] += count
        if row["jpeg_subsampling"]:
            subsampling[row["jpeg_subsampling"]] += count
        if row["jpeg_quality"] is None:
            continue
        qualities[row["jpeg_quality"]] += count
        if row["jpeg_quality"] < COARSE:
            sizes[f"{row['width']}x{row['height']}"] += count
            unmoved += count * (row["orientation"] == 1 and (row["width"], row["height"]) == stored)
    return Collection(
        num_files=formats.total(),
        num_known=formats.total(),
        from_headers=False,
        is_sample=False,
        formats=dict(formats.most_common()),
        jpeg_qualities=dict(qualities.most_common()),
        subsampling=dict(subsampling.most_common()),
        coarse_unmoved=unmoved,
        coarse_sizes=dict(sizes.most_common(10)),
        scale=_median(scales),
        aspect=_median(aspects),
    )


def _kinds(dataset: Dataset) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the rows of the samples table that differ in these columns, each with its number, part by part."""
    import pyarrow as pa  # the headers of files do not need it

    for rows in dataset.sample_batches(_COLUMNS):
        counted = pa.table(rows).group_by(list(_COLUMNS)).aggregate([([], "count_all")])
        yield from ((row, row["count_all"]) for row in counted.to_pylist())


def _median(values: Counter[float]) -> float | None:
    """Return the median of values that occur so many times."""
    places = [(values.total() - 1) // 2, values.total() // 2]
    found, passed = [], 0
    for value in sorted(values):
        passed += values[value]
        while places and places[0] < passed:
            found.append(value)
            places.pop(0)
    return sum(found) / 2 if found else None


def _aspect(facts: Mapping[str, Any]) -> float:
    """Return the ratio of width to height of an image as it is shown."""
    width, height = facts["width"], facts["height"]
    return float(height / width if (facts.get("orientation") or 1) >= ON_ITS_SIDE else width / height)


def kind_of(facts: Mapping[str, Any]) -> str:
    """Return the format of a file, with lossy and lossless WebP apart."""
    name = str(facts["format"])
    if name == "WEBP":
        return {True: LOSSY_WEBP, False: LOSSLESS_WEBP}.get(facts.get("lossy"), OTHER_WEBP)  # type: ignore[arg-type]
    return JPEG if name == "MPO" else name


def _count(values: Iterable[Any]) -> dict[Any, int]:
    return dict(Counter(values).most_common())
