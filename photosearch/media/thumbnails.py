"""The small JPEG copies a library keeps and shows. They carry no metadata: no place, no camera, no profile."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

THUMBNAIL_PX = 512
"""Long side of a thumbnail: two rows of tiles on a screen with doubled pixels."""

ENOUGH_FOR_THUMBNAIL_PX = 480
"""A picture decoded to this long side may be the thumbnail: an eighth of a photo of 4000 pixels is 500."""

_THUMBNAIL_QUALITY = 82
_PREVIEW_QUALITY = 88


def thumbnail(image: Image.Image) -> bytes:
    """JPEG of ``image`` (mode RGB, upright, sRGB), long side at most THUMBNAIL_PX, never enlarged."""
    return _jpeg(_within(image, THUMBNAIL_PX, Image.Resampling.BICUBIC), _THUMBNAIL_QUALITY)


def preview(image: Image.Image, *, max_px: int) -> bytes:
    """JPEG of ``image`` (mode RGB, upright, sRGB) for viewing large, long side at most ``max_px``, never enlarged."""
    return _jpeg(_within(image, max_px, Image.Resampling.LANCZOS), _PREVIEW_QUALITY)


def _within(image: Image.Image, side_px: int, filter_: Image.Resampling) -> Image.Image:
    width, height = image.size
    scale = side_px / max(width, height)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return image.resize(size, filter_, reducing_gap=2.0)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    bare = Image.new("RGB", image.size)  # a fresh image: Pillow would write what `info` holds (profile, comment)
    bare.paste(image)
    out = BytesIO()
    bare.save(out, "JPEG", quality=quality)
    return out.getvalue()
