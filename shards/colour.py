"""Colour: any mode that a decoder gives becomes sRGB or grey, without alpha, eight bits deep."""

import io

from PIL import Image, ImageCms

_PLAIN = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})
_DEEP = ("I", "F")


def resamplable(image: Image.Image) -> Image.Image:
    """Bring an image to a mode that filters work on: palettes, bits and 16-bit pixels cannot be averaged."""
    if image.mode.startswith(_DEEP):
        return _eight_bits(image)
    if "transparency" in image.info or image.mode in ("PA", "RGBa", "La"):
        return image.convert("RGBA")
    if image.mode == "P":
        return image.convert("RGBA" if image.palette and image.palette.mode == "RGBA" else "RGB")
    return image if image.mode in _PLAIN else image.convert("L" if image.mode == "1" else "RGB")


def flattened(image: Image.Image, channels: int, background: tuple[int, int, int]) -> Image.Image:
    """Return the image as RGB (3 channels) or L (1), transparent pixels laid over the background colour."""
    if image.mode in ("RGBA", "LA"):
        rgba = image.convert("RGBA")
        image = Image.new("RGBA", rgba.size, (*background, 255))
        image.alpha_composite(rgba)
    return image.convert("RGB" if channels == 3 else "L")


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """Apply an ICC profile; returns the image and what was done: `none`, `converted` or `unusable`."""
    if not profile:
        return image, "none"
    try:
        return _apply(image, profile), "converted"
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # A profile for other channels than the picture has, or a broken one: viewers ignore it as well.
        return image, "unusable"


def _apply(image: Image.Image, profile: bytes) -> Image.Image:
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    opaque = image.convert(image.mode[:-1]) if alpha else image
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    output = "L" if opaque.mode == "L" else "RGB"
    target = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(opaque, source, target, outputMode="RGB")
    if converted is None:
        raise ValueError("the profile gave no picture")
    result = converted.convert(output)
    if alpha:
        result.putalpha(alpha)
    return result


def _eight_bits(image: Image.Image) -> Image.Image:
    # Pillow's own conversion of 16-bit grey clips everything above 255 to white.
    return image.point(lambda value: value * (1 / 257) + 0.5).convert("L")
