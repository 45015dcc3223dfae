"""The study's page: one HTML file without other files, in the style of the evaluation report.

This module knows neither Prefect nor MLflow: it gets `StudyResults` and plain values.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tasks.reports.pictures import fit_pictures
from tasks.reports.report import flatten_config, page_environment
from tasks.study.record import slug
from tasks.study.report.advice import advise
from tasks.study.report.rate_charts import draw_rates
from tasks.study.report.tables import choice_tables, codec_table
from tasks.study.results import StudyResults, codec_name


class Grid(NamedTuple):
    """A codec's real and generated images."""

    name: str
    note: str
    real: bytes
    generated: bytes


def render_study(results: StudyResults, config: Mapping[str, Any], lineage: Mapping[str, str], created: str) -> str:
    """Give the study as one HTML page: styles, charts and pictures inside it, no script, no request."""
    return (
        page_environment()
        .get_template("study.html.j2")
        .render(
            results=results,
            advice=advise(results),
            warning=results.source.warning(),
            charts=list(draw_rates(results)),
            codecs=codec_table(results),
            grids=list(_grids(results)),
            choices=choice_tables(results),
            failures=[f"{codec.name}: {reason}" for codec in results.codecs for reason in codec.failures],
            protocols=list(_protocols(results)),
            lineage=list(lineage.items()),
            config=list(flatten_config(config)),
            created=created,
        )
    )


def _grids(results: StudyResults) -> Iterator[Grid]:
    pictures = dict(zip(results.pictures, fit_pictures(list(results.pictures.values())), strict=True))
    for codec in results.codecs:
        note = f"{codec.variant.bytes_per_image:,.0f} bytes per image, {100 * results.share(codec):.0f}%"
        if codec.trained_as != codec.variant.codec:
            note += f"; the same pixels as {codec_name(codec.trained_as)}, so the same training"
        seed = codec.generators[0].seed if codec.generators else 0
        generated = pictures.get(f"generated-{slug(codec.variant.codec)}-seed-{seed}", b"")
        real = pictures.get(f"real-{slug(codec.variant.codec)}", b"")
        yield Grid(codec.name, note, real, generated)


def _protocols(results: StudyResults) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    clean = results.clean
    shown = [("Codec alone", clean.scores.imitation), ("Re-encoded val", clean.scores.re_encoded)]
    if clean.generators:
        shown.append(("Trained on it", clean.generators[0].generated))
    for title, scores in shown:
        protocol = scores.protocol
        yield (
            title,
            [
                ("Feature net", f"{protocol.feature_net} at {protocol.input_size} pixels"),
                ("Images", f"{protocol.num_generated:,} ({protocol.generator_state})"),
                ("Against", f"{protocol.num_reference:,} {protocol.split} images, clean"),
                ("Seed", str(protocol.seed)),
                ("Digest", protocol.digest()),
            ],
        )
