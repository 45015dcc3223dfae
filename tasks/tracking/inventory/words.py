"""Sizes, times and counts as a person reads them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

ROUNDED_TO_ZERO = 1e-9
UNITS = ("B", "KB", "MB", "GB", "TB")


def size_words(size: int | None) -> str:
    """Return a size in units of 1000 bytes, such as `1.2 MB`; a dash if it is not known."""
    if size is None:
        return "-"
    value = float(size)
    for unit in UNITS:
        if value < 999.5 or unit == UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"


def sides_words(arguments: Mapping[str, Any]) -> str:
    """Return width and height of a network's images, such as `96x64`, from its arguments."""
    height = arguments.get("resolution")
    return f"{arguments.get('image_width') or height}x{height}"


def count_words(count: int) -> str:
    """Return a number of images in short, such as `200k` or `1.5M`."""
    for limit, unit in ((1_000_000, "M"), (10_000, "k")):
        if count >= limit:
            scaled = count / (1_000_000 if unit == "M" else 1_000)
            return f"{scaled:.3g}{unit}"
    return f"{count:,}"


def duration_words(seconds: float) -> str:
    """Return a duration in its largest unit, such as `3 min`."""
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def age_words(when: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago something was; a dash if it is not known."""
    if when is None:
        return "-"
    seconds = max(((now or datetime.now(UTC)) - when).total_seconds(), 0)
    return "now" if seconds < 1 else f"{duration_words(seconds)} ago"


def score_words(value: float, interval: tuple[float, float] | None = None) -> str:
    """Return a score in four digits, with its interval in parentheses if there is one."""
    text = _four_digits(value)
    return f"{text} ({_four_digits(interval[0])} to {_four_digits(interval[1])})" if interval else text


def _four_digits(value: float) -> str:
    return f"{value:.4g}" if abs(value) >= ROUNDED_TO_ZERO else "0"
