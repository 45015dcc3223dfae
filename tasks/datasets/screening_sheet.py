"""A picture of the suspects with their scores, for a person who can overrule the screening."""

import io
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLUMNS, TILE, GAP, LINE, HEAD = 10, 112, 6, 15, 44
MOST = 200
FONT, BOLD = ImageFont.load_default(12), ImageFont.load_default(16)
INK, PAPER, WARN, CALM = (30, 30, 30), (250, 250, 250), (170, 30, 30), (30, 110, 60)


class Tile(NamedTuple):
    """One suspect: uint8 pixels (C, H, W), and its row in the table of verdicts."""

    pixels: np.ndarray
    row: dict[str, Any]


def draw_sheet(tiles: list[Tile], model: str) -> bytes:
    """Draw the tiles in their order as PNG, at most 200. Allowed files have green text."""
    shown = tiles[:MOST]
    step = TILE + 3 * LINE + GAP
    rows = -(-len(shown) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (TILE + GAP) + GAP, HEAD + max(rows, 1) * step), PAPER)
    draw = ImageDraw.Draw(sheet)
    more = f", the {MOST} most suspicious are shown" if len(tiles) > MOST else ""
    title = f"{len(tiles)} suspects{more}" if tiles else "no suspects"
    draw.text((GAP, 12), f"{title}, by the shield of {model}", fill=INK, font=BOLD)
    for number, tile in enumerate(shown):
        left = GAP + number % COLUMNS * (TILE + GAP)
        top = HEAD + number // COLUMNS * step
        sheet.paste(_enlarged(tile.pixels), (left, top))
        row = tile.row
        colour = CALM if row["allowed"] else WARN
        verdict = f"{row['verdict']}, allowed" if row["allowed"] else row["verdict"]
        draw.text((left, top + TILE), verdict, fill=colour, font=FONT)
        score = f"{row['num_lookalikes']} alike" if row["verdict"] == "flood" else f"p_real {row['p_real']:.4f}"
        draw.text((left, top + TILE + LINE), score, fill=INK, font=FONT)
        draw.text((left, top + TILE + 2 * LINE), row["source_sha256"][:12], fill=INK, font=FONT)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _enlarged(pixels: np.ndarray) -> Image.Image:
    image = Image.fromarray(pixels[0] if pixels.shape[0] == 1 else pixels.transpose(1, 2, 0)).convert("RGB")
    small = image.width < TILE
    return image.resize((TILE, TILE), Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS)
