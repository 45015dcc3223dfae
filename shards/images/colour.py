"""Colour conversion: every mode that a decoder returns becomes sRGB or grey, with eight bits and without alpha."""

import io

from PIL import Image, ImageCms

from shards.images.recipe import Recipe

_PLAIN = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})
_DEEP = ("I", "F")
_TRANSPARENT = ("RGBA", "LA")


def resamplable(image: Image.Image, recipe: Recipe) -> Image.Image:
    """Convert an image to a mode that can be resized: palettes, 1-bit and 16-bit pixels cannot be averaged."""
    image = averageable(image)
    # Alpha is dropped before resizing, because filters give transparent pixels no weight, which loses their colours.
    return image.convert(image.mode[:-1]) if recipe.alpha == "drop" and image.mode in _TRANSPARENT else image


def flattened(image: Image.Image, recipe: Recipe) -> Image.Image:
    """Return the image as RGB or L. Transparent pixels are drawn over the background colour."""
    mode = "RGB" if recipe.channels == 3 else "L"
    if image.mode in _TRANSPARENT:
        rgba = image.convert("RGBA")
        image = Image.new("RGBA", rgba.size, (*recipe.background, 255))
        image.alpha_composite(rgba)
    return image if image.mode == mode else image.convert(mode)


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """Apply an ICC profile. Also returns what was done: `none`, `srgb`, `converted` or `unusable`."""
    if not profile:
        return image, "none"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode != "CMYK" and "srgb" in ImageCms.getProfileDescription(source).lower():
            return image, "srgb"
        return _convert(image, source), "converted"
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # The profile is broken, or made for other channels than the image has. Viewers ignore it, too.
        return image, "unusable"


def _convert(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    alpha = image.getchannel("A") if image.mode in _TRANSPARENT else None
    opaque = image.convert(image.mode[:-1]) if alpha else image
    converted = ImageCms.profileToProfile(opaque, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    if converted is None:
        raise ValueError("the profile could not be applied")
    if alpha:
        converted.putalpha(alpha)
    return converted


def averageable(image: Image.Image) -> Image.Image:
    """Convert palettes, bits and deep pixels to a mode whose pixels can be averaged."""
    if image.mode.startswith(_DEEP):
        return _eight_bits(image)
    if "transparency" in image.info or image.mode in ("PA", "RGBa", "La"):
        return image.convert("RGBA")
    if image.mode == "P":
        return image.convert("RGBA" if image.palette and image.palette.mode == "RGBA" else "RGB")
    return image if image.mode in _PLAIN else image.convert("L" if image.mode == "1" else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    # Pillow's own conversion of 16-bit grey would clip everything above 255 to white.
    return image.point(lambda value: value * (1 / 257) + 0.5).convert("L")
