"""The artifacts of a flow run in Prefect's UI: pictures, and one summary at the end."""

import base64
import io
from collections.abc import Iterable
from pathlib import Path

from PIL import Image
from prefect.artifacts import create_image_artifact, create_link_artifact, create_markdown_artifact
from prefect.context import FlowRunContext, TaskRunContext

from shards.images.containers.marking import copy_mark
from tasks.tracking.outages import not_needed

SHOWN = 768  # small grids are enlarged to at most this many pixels
MAX_WIDTH = 1204  # the width of the contact sheet
SUMMARY = "summary"


def in_run() -> bool:
    """Return whether this code runs inside a Prefect run, which can have artifacts."""
    return bool(FlowRunContext.get() or TaskRunContext.get())


def show_picture(path: Path, key: str, description: str) -> None:
    """Show a PNG in the run, if there is one. `key` may contain lower-case letters, digits and dashes."""
    if in_run():
        with not_needed(f"the picture {key}"):
            create_image_artifact(image_url=as_data_uri(path.read_bytes()), key=key, description=description)


def show_link(key: str, url: str, description: str) -> None:
    """Show a link in the run. `key` may contain lower-case letters, digits and dashes."""
    if in_run():
        with not_needed(f"the link {key}"):
            create_link_artifact(link=url, key=key, description=description)


def as_data_uri(data: bytes) -> str:
    """Return the picture, a PNG, as a small JPEG in a data URL. Any browser shows it without access to a file.

    If the picture is marked as generated, so is the JPEG.
    """
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        small = image.convert("RGB")
    if times := min(
        SHOWN // small.width, SHOWN // small.height
    ):  # nearest-neighbour enlargement; the browser would blur the pixels
        small = small.resize((small.width * times, small.height * times), Image.Resampling.NEAREST)
    small.thumbnail((MAX_WIDTH, 4 * MAX_WIDTH))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(copy_mark(data, buffer.getvalue())).decode()}"


def show_summary(title: str, *sections: str) -> None:
    """Show the outcome of the run as one page of text. Prefect's UI shows the title above it."""
    if in_run():
        create_markdown_artifact("\n\n".join(sections), SUMMARY, description=title)


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table. The cells already contain Markdown."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
