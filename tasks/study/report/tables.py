"""A study's tables as text, for the page and for Markdown: one row per codec, one per choice of preprocessing."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tasks.study.results import CodecResult, Distance, StudyResults

CHOICE_HEADS = ("Choice", "Setting", "What it is")


class Table(NamedTuple):
    """Heads and rows of text."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def codec_table(results: StudyResults) -> Table:
    """One row per codec: bytes, distances with their intervals, speeds."""
    heads = ["Codec", "Bytes per image", "Share of clean", "Codec alone", "Re-encoded val"]
    trained = any(codec.generators for codec in results.codecs)
    if trained:
        heads += ["Trained on it", "Also saved with it"]
    heads += ["Sharded, images/s", "Loaded, images/s"]
    return Table(heads, [_codec_row(results, codec, trained) for codec in results.codecs])


def _codec_row(results: StudyResults, codec: CodecResult, trained: bool) -> list[str]:
    variant = codec.variant
    size, sharded = variant.bytes_per_image, variant.shard_images_per_second
    distances = [with_interval(results.alone(codec)), figure(results.re_encoded(codec))]
    if trained:
        distances += [with_interval(results.trained(codec)), with_interval(results.saved(codec))]
    speeds = [f"{sharded:,.0f}" if sharded else "–", f"{variant.load_images_per_second:,.0f}"]
    return [codec.name, f"{size:,.0f}", f"{100 * results.share(codec):.0f}%", *distances, *speeds]


def choice_tables(results: StudyResults) -> dict[str, Table]:
    """One table for each group of choices, with one row per choice."""
    heads = [*CHOICE_HEADS, results.frechet, "Levels changed", "Bytes per image"]
    groups: dict[str, list[list[str]]] = {}
    for choice in results.choices:
        value = figure(choice.scores.values[results.frechet]) if choice.scores else "–"
        changed = f"{choice.changed:.2f}" if choice.scores else "–"
        size = f"{choice.bytes_per_image:,.0f}" if choice.bytes_per_image else "–"
        row = [choice.name, choice.setting, choice.note or "–", value, changed, size]
        groups.setdefault(choice.group, []).append(row)
    return {group: Table(heads, rows) for group, rows in groups.items()}


def to_markdown(results: StudyResults, advice: str) -> str:
    """The advice and all tables as Markdown."""
    unit = f"Distances are {results.frechet} to the clean val images."
    parts = [f"**{advice}**", results.source.warning(), unit, "\n".join(table_lines(codec_table(results)))]
    for group, table in choice_tables(results).items():
        parts += [f"{group}:", "\n".join(table_lines(table))]
    return "\n\n".join(part for part in parts if part) + "\n"


def table_lines(table: Table) -> Iterator[str]:
    """Give a table as lines of Markdown."""
    yield f"| {' | '.join(table.heads)} |"
    yield "|" + "---|" * len(table.heads)
    for row in table.rows:
        yield f"| {' | '.join(row)} |"


def with_interval(distance: Distance | None) -> str:
    """A distance with its interval in parentheses."""
    return f"{figure(distance.value)} ({figure(distance.low)} to {figure(distance.high)})" if distance else "–"


def figure(value: float) -> str:
    """Three digits: a distance has no more that mean anything."""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:#.3g}".rstrip(".").replace("-", "−") if abs(value) >= 5e-4 else "0"
