"""What a flow run shows in Prefect's UI: pictures, and one summary at its end."""

import base64
import io
from collections.abc import Iterable
from pathlib import Path

from PIL import Image
from prefect.artifacts import create_image_artifact, create_markdown_artifact
from prefect.context import FlowRunContext, TaskRunContext

from tasks.tracking.outages import not_needed

SHOWN = 768  # pixels that small grids are enlarged to, at most
MAX_WIDTH = 1204  # the contact sheet's own
SUMMARY = "summary"


def in_run() -> bool:
    """Whether there is a run to show anything in."""
    return bool(FlowRunContext.get() or TaskRunContext.get())


def show_picture(path: Path, key: str, description: str) -> None:
    """Show a PNG in the run, if there is one; `key` takes lower-case letters, digits and dashes."""
    if in_run():
        with not_needed(f"the picture {key}"):
            create_image_artifact(image_url=as_data_uri(path), key=key, description=description)


def as_data_uri(path: Path) -> str:
    """The picture at `path` as a small JPEG inside a URL: any browser shows it, wherever the file lies."""
    with Image.open(path, formats=["PNG"]) as image:
        small = image.convert("RGB")
    if times := min(SHOWN // small.width, SHOWN // small.height):  # pixels stay pixels: the browser would blur them
        small = small.resize((small.width * times, small.height * times), Image.Resampling.NEAREST)
    small.thumbnail((MAX_WIDTH, 4 * MAX_WIDTH))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def show_summary(title: str, *sections: str) -> None:
    """Show what came of the run as its one page of text; Prefect's UI shows the title above it."""
    if in_run():
        create_markdown_artifact("\n\n".join(sections), SUMMARY, description=title)


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table of cells that are Markdown already."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
