"""What was found in a collection, in sentences."""

from collections.abc import Iterator, Mapping
from statistics import median

from tasks.datasets.compression.collection import COARSE, Collection

LEAST_SHARE = 0.05  # a quality or format below this share is not named
MOST_NAMED = 4
TELLING = 0.05  # signs in fewer of the files are not told


def describe(found: Collection) -> list[str]:
    """Say what compression a collection has: one sentence for each kind of fact."""
    sentences = [_read(found), *_jpeg(found), *_webp(found), *_palettes(found), *_signs(found), *_traces(found)]
    return [f"{sentence[:1].upper()}{sentence[1:]}." for sentence in sentences]


def _read(found: Collection) -> str:
    broken = sum(found.unreadable.values())
    if not found.from_headers:
        number = f"all {found.num_files:,} images"
    elif found.is_sample:
        number = f"the headers of {found.num_known + broken:,} of {found.num_files:,} files"
    else:
        number = f"the headers of all {found.num_files:,} files"
    reasons = ", ".join(f"{count:,} {code.replace('_', ' ')}" for code, count in found.unreadable.items())
    unread = f"; {broken:,} could not be read ({reasons})" if broken else ""
    return f"{number}: {_shares(found.formats, found.num_known) or 'no image'}{unread}"


def _jpeg(found: Collection) -> Iterator[str]:
    if found.jpeg_qualities:
        yield f"JPEG quality {describe_qualities(found.jpeg_qualities)}"
    if found.subsampling:
        yield f"colour of JPEG: {_shares(found.subsampling, sum(found.subsampling.values()))}"


def _webp(found: Collection) -> Iterator[str]:
    if found.webp_qualities:
        yield f"WebP quality about {5 * round(median_of(found.webp_qualities) / 5)}"
    if "AVIF" in found.formats:
        yield "the quality of AVIF files is not read"


def _palettes(found: Collection) -> Iterator[str]:
    if found.palettes:
        number, colours = sum(found.palettes.values()), median_of(found.palettes)
        yield f"{number:,} files have a palette, of {colours:.0f} colours in the median"


def _signs(found: Collection) -> Iterator[str]:
    if found.share(found.rescaled) >= TELLING:
        yield (
            f"{found.rescaled:,} JPEG files have another size than their camera wrote: they were scaled or cropped, "
            "and compressed at least twice"
        )
    if found.share(found.resaved) >= TELLING:
        yield (f"{found.resaved:,} JPEG files were written by the library GD of a web server, perhaps from JPEG files")


def _traces(found: Collection) -> Iterator[str]:
    if found.traces is None:
        if found.num_lossless:
            yield (
                "whether the lossless files were JPEG files before is not known: `shardgan doctor --source` looks at "
                "their pixels"
            )
        return
    if not found.traces.num_looked:
        return
    looked = f"the pixels of {found.traces.num_looked:,} lossless files were looked at"
    if found.traces.num_coarse:
        coarse = {quality: count for quality, count in found.traces.qualities.items() if quality < COARSE}
        yield (
            f"{looked}: at least {found.traces.num_coarse:,} show traces of JPEG, quality {describe_qualities(coarse)}"
        )
    else:
        yield f"{looked}: none shows traces of a coarse JPEG. Scaling or cropping after JPEG would have removed them"


def describe_qualities(qualities: Mapping[int, int]) -> str:
    """Name the qualities: `15`, `15 (90 %) and 95 (10 %)`, or `50 to 95, 81 in the median`."""
    total = sum(qualities.values())
    named = {quality: count for quality, count in qualities.items() if count >= LEAST_SHARE * total}
    if len(qualities) == 1:
        return str(*qualities)
    if len(named) <= MOST_NAMED and sum(named.values()) >= (1 - LEAST_SHARE) * total:
        return _joined(f"{quality} ({_percent(count, total)})" for quality, count in sorted(named.items()))
    return f"{min(qualities)} to {max(qualities)}, {median_of(qualities):.0f} in the median"


def median_of(counts: Mapping[int, int]) -> float:
    """Return the median of values that are given with their counts."""
    return median(value for value, count in counts.items() for _ in range(count))


def _shares(counts: Mapping[str, int], total: int) -> str:
    return _joined(
        f"{_percent(count, total)} {name}" for name, count in sorted(counts.items(), key=lambda one: -one[1])
    )


def _percent(count: int, total: int) -> str:
    share = 100 * count / total
    return f"{share:.0f} %" if share >= 1 else "below 1 %"


def _joined(parts: Iterator[str]) -> str:
    *most, last = list(parts) or [""]
    return f"{', '.join(most)} and {last}" if most else last
