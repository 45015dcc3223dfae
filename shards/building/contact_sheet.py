"""The contact sheet: one picture with some of the kept images, the notes and the reasons for refusals."""

import io
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from shards.building.schema import Refusal
from shards.images.containers.marking import Mark, mark_image
from shards.images.formats import sniff
from shards.layout.manifest import NOT_AN_IMAGE

CONTACT_SHEET = "contact_sheet.png"
_COLUMNS, _ROWS, _TILE, _GAP, _LINE = 12, 6, 96, 4, 21
_WIDTH = _COLUMNS * (_TILE + _GAP) + _GAP
_REFUSED_LINES = 40
_WHITE = (255, 255, 255)
_MOST_BYTES, _MOST_PIXELS = 2**21, 2**23
_FONT = ImageFont.load_default(16)  # the page of Prefect shows the sheet at two thirds of its size
_LABEL_LETTERS, _LINE_LETTERS = 11, 150
_INK, _PAPER, _WARN = (30, 30, 30), (250, 250, 250), (170, 30, 30)


class ContactSheet:
    """Collects the first samples, a random choice because samples are ordered by hash, and some refusals per reason."""

    def __init__(self) -> None:
        self._tiles: list[tuple[bytes, str]] = []
        self._refused: list[Refusal] = []
        self._reasons: Counter[str] = Counter()
        self.has_marked = False

    def keep(self, data: bytes, label: str | None, is_marked: bool = False) -> None:
        """Add one sample if there is room; samples of several megabytes are skipped because they take too long."""
        if len(self._tiles) < _COLUMNS * _ROWS and len(data) < _MOST_BYTES:
            self._tiles.append((data, label or ""))
            self.has_marked = self.has_marked or is_marked

    def refuse(self, refusal: Refusal) -> None:
        """Count one refused file, and name it if few files with its reason have been named."""
        self._reasons[refusal.reason] += 1
        if self._reasons[refusal.reason] <= 5 and len(self._refused) < _REFUSED_LINES:
            self._refused.append(refusal)

    def save(self, path: Path, notes: Sequence[str] = (), mark: Mark | None = None) -> None:
        """Write the sheet as a PNG file, with the notes below the images; `mark` says that they were generated."""
        rows = -(-len(self._tiles) // _COLUMNS)
        lines = [textwrap.shorten(line, _LINE_LETTERS) for line in (*notes, *self.lines())]
        top = rows * (_TILE + _LINE + _GAP) + 2 * _GAP
        sheet = Image.new("RGB", (_WIDTH, top + _LINE * len(lines) + _GAP), _PAPER)
        draw = ImageDraw.Draw(sheet)
        for number, (data, label) in enumerate(self._tiles):
            left = _GAP + number % _COLUMNS * (_TILE + _GAP)
            upper = _GAP + number // _COLUMNS * (_TILE + _LINE + _GAP)
            sheet.paste(_thumbnail(data), (left, upper))
            draw.text((left, upper + _TILE), label[:_LABEL_LETTERS], fill=_INK, font=_FONT)
        for number, line in enumerate(lines):
            draw.text((_GAP, top + _LINE * number), line, fill=_WARN, font=_FONT)
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG", compress_level=1)
        path.write_bytes(mark_image(buffer.getvalue(), mark) if mark else buffer.getvalue())

    def lines(self) -> list[str]:
        """Return what the sheet says about the refused files: broken ones, files that are not images, and examples."""
        if not self._reasons:
            return ["no file was refused"]
        broken = ", ".join(
            f"{count} {reason}" for reason, count in sorted(self._reasons.items()) if reason != NOT_AN_IMAGE
        )
        counts = [f"refused: {broken}"] if broken else []
        if others := self._reasons[NOT_AN_IMAGE]:
            counts.append(f"files that are not images: {others}")
        # A refused file is named but not shown, because this process must not decode a file that was refused.
        return counts + [f"{one.reason}: {one.source}: {one.message}" for one in self._refused]


def _thumbnail(data: bytes) -> Image.Image:
    tile = Image.new("RGB", (_TILE, _TILE), _WHITE)
    with Image.open(io.BytesIO(data), formats=[sniff(data)]) as image:
        if image.width * image.height > _MOST_PIXELS:
            return tile
        image.draft("RGB", (_TILE, _TILE))
        shown = image.convert("RGBA")
    factor = _TILE / max(shown.size)
    small = shown.resize((max(round(shown.width * factor), 1), max(round(shown.height * factor), 1)))
    tile.paste(small, ((_TILE - small.width) // 2, (_TILE - small.height) // 2), small)
    return tile
