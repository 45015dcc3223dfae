"""Geometry: which part of an image is kept, and how it is resized."""

from PIL import Image

from shards.images.recipe import Recipe

Size = tuple[int, int]
Box = tuple[float, float, float, float]

# EXIF orientation -> the operation that makes the image upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_ITS_SIDE = 5  # from this EXIF orientation on, width and height of the file are exchanged
_FILTERS = {"lanczos": Image.Resampling.LANCZOS, "box": Image.Resampling.BOX}
# Images are first reduced by a whole factor to this many times the target. The result looks like plain Lanczos.
_REDUCING_GAP = 3.0


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Rotate or mirror an image according to its EXIF orientation, 1 to 8."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def draft_size(size: Size, recipe: Recipe) -> Size | None:
    """Return the smallest size to decode a JPEG at, at least twice the target. None means the full size."""
    if recipe.shape == "as_is":
        return None
    # The file may be stored on its side, which is not known yet.
    ratio = 2 * max(_ratio(size, recipe), _ratio((size[1], size[0]), recipe))
    return (-int(-size[0] * ratio // 1), -int(-size[1] * ratio // 1)) if ratio < 1 else None


def shaped(image: Image.Image, recipe: Recipe, seed: int) -> Image.Image:
    """Crop and resize an image to the shape of the recipe. `seed` decides where a random crop lies."""
    box, size = plan(image.size, recipe, seed)
    if (box, size) == unchanged(image.size):
        return image
    return image.resize(size, _FILTERS[recipe.resample], box=box, reducing_gap=_REDUCING_GAP)


def bordered(image: Image.Image, recipe: Recipe) -> Image.Image:
    """Place a fitted image, which is grey or RGB, at the centre of a canvas in the background colour."""
    width, height = recipe.size
    if recipe.shape != "fit" or image.size == (width, height):
        return image
    colour = recipe.background if image.mode == "RGB" else _luma(recipe.background)
    canvas = Image.new(image.mode, (width, height), colour)
    canvas.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return canvas


def unchanged(size: Size) -> tuple[Box, Size]:
    """Return the plan that leaves an image of this size unchanged."""
    return (0.0, 0.0, float(size[0]), float(size[1])), size


def plan(size: Size, recipe: Recipe, seed: int) -> tuple[Box, Size]:
    """Return the box of an image that is kept, and the size it is scaled to."""
    width, height = size
    target = recipe.size
    whole = unchanged(size)[0]
    if recipe.shape == "as_is":
        return whole, size
    if recipe.shape in ("crop", "random_crop"):
        box = _cropped(size, target, None if recipe.shape == "crop" else seed)
        shrunk = min((box[2] - box[0]) / target[0], 1.0) if recipe.only_shrink else 1.0
        return box, (max(round(target[0] * shrunk), 1), max(round(target[1] * shrunk), 1))
    if recipe.shape == "stretch":
        return whole, size if recipe.only_shrink and width < target[0] and height < target[1] else target
    ratio = _ratio(size, recipe)
    if recipe.only_shrink:
        ratio = min(ratio, 1.0)
    return whole, (max(round(width * ratio), 1), max(round(height * ratio), 1))


def _ratio(size: Size, recipe: Recipe) -> float:
    """Return by how much an image is scaled: a fitted one lies inside the target, all others cover it."""
    ratios = recipe.size[0] / size[0], recipe.size[1] / size[1]
    return min(ratios) if recipe.shape == "fit" else max(ratios)


def _cropped(size: Size, target: Size, seed: int | None) -> Box:
    """Return the largest box with the aspect of the target: in the centre, or at a place that `seed` decides."""
    width, height = size
    # Products of whole numbers, so that the aspects are compared exactly.
    if is_wide := width * target[1] > height * target[0]:
        width_kept, height_kept = height * target[0] / target[1], float(height)
    else:
        width_kept, height_kept = float(width), width * target[1] / target[0]
    rest = width - width_kept if is_wide else height - height_kept
    start = rest / 2 if seed is None else float(seed % (int(rest) + 1))
    left, top = (start, 0.0) if is_wide else (0.0, start)
    return left, top, left + width_kept, top + height_kept


def _luma(colour: tuple[int, int, int]) -> int:
    return int(Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0)))  # type: ignore[arg-type]
