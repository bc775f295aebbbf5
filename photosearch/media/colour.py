"""From whatever mode and profile a decoder leaves to opaque sRGB, small.

Full-size pictures are walked in strips, so that the only full-size copy is the decoder's own: a 16-bit or palette
picture of 200 megapixels costs no second buffer. Colour profiles are applied to the reduced picture, where they cost a
few milliseconds instead of a second.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms, ImageStat

log = logging.getLogger(__name__)

_STRIP_PIXELS = 4_000_000
_MAX_PROFILE_BYTES = 16 << 20
_OPAQUE = ("L", "RGB", "CMYK", "LAB")
_WHITE = (255, 255, 255)
_GREY = (96, 96, 96)
_NEARLY_WHITE = 200
_CONTAINER_MAXIMA = (255, 1023, 4095, 16383, 65535)


def reduced(image: Image.Image, factor: int) -> Image.Image:
    """``image`` (loaded) averaged over squares of ``factor`` pixels, in mode L, RGB, RGBA, CMYK or LAB.

    Sides are rounded up. Averaging is Pillow's `reduce`, with alpha premultiplied.
    """
    if image.mode in _OPAQUE and "transparency" not in image.info:
        return image.reduce(factor)
    to_grey = _grey_levels(image) if _is_wide_grey(image.mode) else None
    parts = [(top, _plain(strip, to_grey).reduce(factor)) for top, strip in _strips(image, factor)]
    if len(parts) == 1:
        return parts[0][1]
    whole = Image.new(parts[0][1].mode, (-(-image.width // factor), -(-image.height // factor)))
    for top, part in parts:
        whole.paste(part, (0, top // factor))
    return whole


def srgb_opaque(image: Image.Image, profile: bytes | None) -> Image.Image:
    """``image`` (as `reduced` leaves it) as RGB in sRGB, transparency laid on a plain background."""
    alpha = None
    if image.mode == "RGBA":
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    converted = _from_profile(image, profile) if profile else None
    image = converted or (image if image.mode == "RGB" else image.convert("RGB"))
    if alpha is None or alpha.getextrema()[0] == 255:
        return image
    background = Image.new("RGB", image.size, _background(image, alpha))
    background.paste(image, mask=alpha)
    return background


def _background(image: Image.Image, alpha: Image.Image) -> tuple[int, int, int]:
    """White, as the page such pictures are made for; grey under content so light that white would swallow it."""
    seen = ImageStat.Stat(image.convert("L"), mask=alpha.point(lambda a: 255 if a > 127 else 0))
    return _GREY if seen.count[0] and seen.mean[0] > _NEARLY_WHITE else _WHITE


def _strips(image: Image.Image, factor: int) -> Iterator[tuple[int, Image.Image]]:
    rows = max(1, _STRIP_PIXELS // (image.width * factor)) * factor
    if rows >= image.height:
        yield 0, image
        return
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _is_wide_grey(mode: str) -> bool:
    return mode == "F" or mode.startswith("I")


def _grey_levels(image: Image.Image) -> tuple[float, float]:
    """Black and white points of a 16-bit, 32-bit or floating grey picture.

    Integers run from 0 to the end of the narrowest usual range that holds them (8, 10, 12, 14, 16 bits): scanners and
    instruments put 12 bits into 16. Anything else runs from its least to its greatest finite value.
    """
    low, high = np.inf, -np.inf
    for _, strip in _strips(image, 1):
        values = np.asarray(strip)
        values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if image.mode != "F" and low >= 0:
        for maximum in _CONTAINER_MAXIMA:
            if high <= maximum:
                return 0.0, float(maximum)
    return (low, high) if low < high else (low - 1, low + 1) if np.isfinite(low) else (0.0, 1.0)


def _plain(strip: Image.Image, grey_levels: tuple[float, float] | None) -> Image.Image:
    """A strip in a mode that can be averaged."""
    if grey_levels is not None:
        low, high = grey_levels
        values = np.nan_to_num(np.asarray(strip).astype(np.float32), nan=low, posinf=high, neginf=low)
        return Image.fromarray(np.clip((values - low) * (255 / (high - low)) + 0.5, 0, 255).astype(np.uint8))
    if "transparency" in strip.info and strip.mode in ("1", "L", "P", "RGB"):
        return strip.convert("RGBA")
    if strip.mode == "RGBA":
        return strip
    if strip.mode == "1":
        return strip.convert("L")
    if strip.mode == "P":
        return strip.convert("RGBA" if strip.palette and strip.palette.mode == "RGBA" else "RGB")
    if strip.mode in ("LA", "La", "PA", "RGBa"):
        return strip.convert("LA").convert("RGBA") if strip.mode == "La" else strip.convert("RGBA")
    return strip.convert("RGB")


_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}


def _from_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The picture in sRGB; None where the profile is broken, is for another kind of pixels, or is sRGB already."""
    if len(profile) > _MAX_PROFILE_BYTES:
        return None
    try:
        transform = _to_srgb(profile, image.mode)
        return None if transform is None else ImageCms.applyTransform(image, transform)
    except Exception as error:  # a broken profile must not cost the photo, and lcms raises several kinds
        log.debug("colour profile ignored: %s", error)
        return None


@lru_cache(maxsize=16)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Kept, for the photos of one camera carry one profile, and building a CMYK transform takes 20 ms."""
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    if _SPACES.get(source.profile.xcolor_space.strip()) != mode:
        return None
    if mode == "RGB" and "srgb" in (source.profile.profile_description or "").lower():
        return None
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
