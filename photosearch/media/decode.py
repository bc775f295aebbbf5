"""A picture file's bytes to an upright sRGB image and its facts, in one decode.

Sizes are checked from the header, before any pixel is touched; formats are restricted to the one the content shows, so
no file can reach a decoder nobody meant it for (PostScript would start Ghostscript). What a header cannot tell, time
and memory limits on the worker process do: `decode` runs in one. It is not meant for several threads of one process at
a time, for Pillow's limits are global.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    CurImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PcdImagePlugin,
    PcxImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    QoiImagePlugin,
    SgiImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from photosearch.errors import PhotoError, ProblemCode
from photosearch.media.colour import reduced, srgb_opaque
from photosearch.media.facts import read_exif, read_facts
from photosearch.media.formats import CUR, HEIC, ICO, JPEG, PNG, TIFF, Format, Unreadable, identify
from photosearch.records import PhotoFacts

log = logging.getLogger(__name__)

# Naming the plug-ins keeps Image.open from importing all of them, PostScript's included, when it meets a new format.
_PLUGINS = (
    AvifImagePlugin, BmpImagePlugin, CurImagePlugin, GifImagePlugin, IcoImagePlugin, Jpeg2KImagePlugin, JpegImagePlugin,
    PcdImagePlugin, PcxImagePlugin, PngImagePlugin, PpmImagePlugin, PsdImagePlugin, QoiImagePlugin, SgiImagePlugin,
    TgaImagePlugin, TiffImagePlugin, WebPImagePlugin,
)  # fmt: skip

MEMORY_BUDGET_BYTES = 1_450_000_000
"""What one picture may take while it is decoded, under the worker's address-space limit of 2 GB. The HEIC photos of
phones with 200 megapixels take 1.36 GB."""

_SCAN_BUDGET = 20_000_000_000
"""Scans times pixels of a progressive JPEG: about five seconds of decoding. Cameras and editors write 3 to 12 scans;
a file of 556 kB with 3,000 of them keeps libjpeg busy for 45 seconds (see the libjpeg-turbo report
LJT-01-005 on progressive files)."""

_ORIENTATION = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """``image``: upright, mode RGB, sRGB, no metadata; maybe scaled down. ``facts`` state the full upright size."""

    image: Image.Image
    facts: PhotoFacts


def decode(data: bytes, *, name: str, min_side_px: int, max_megapixels: int) -> Decoded:
    """Decode a whole picture file once.

    data: the file. name: its name, whose extension counts only where content has no mark of its own.
    min_side_px: the image comes back scaled down, but its shorter side is at least this (unless the picture itself is
    smaller); ask for about twice the side needed, and resize with a good filter.
    Of animations and files with several pages the first picture is taken; an icon's largest.
    Raises PhotoError with a code and one sentence, whatever the file holds.
    """
    if not data:
        raise PhotoError(ProblemCode.EMPTY, "The file is empty.")
    found = identify(data, name=name)
    if isinstance(found, Unreadable):
        raise PhotoError(found.code, found.reason)
    if found is HEIC and not _heic_registered():
        raise PhotoError(ProblemCode.NO_CODEC, "The decoder for HEIC pictures (pi-heif) is not installed.")
    limit = max_megapixels * 1_000_000
    if found.bytes_per_pixel:
        limit = min(limit, MEMORY_BUDGET_BYTES // found.bytes_per_pixel)
    try:
        with _pillow_limited(limit):
            return _decode(data, found, min_side_px=min_side_px, limit_pixels=limit)
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        stated = re.search(r"(\d+) pixels", str(error))
        raise _too_large(limit, pixels=int(stated[1]) if stated else None) from None
    except MemoryError:
        raise PhotoError(
            ProblemCode.OUT_OF_MEMORY, f"Decoding this {found.name} picture takes more memory than it may have."
        ) from None
    except UnidentifiedImageError:
        raise PhotoError(
            ProblemCode.DAMAGED, f"This {found.name} file cannot be opened: its header is damaged or cut short."
        ) from None
    except Exception as error:  # decoders raise a dozen kinds
        log.debug("%s picture not decoded", found.name, exc_info=True)
        raise PhotoError(ProblemCode.DAMAGED, _reason(error, found.name)) from None


@contextmanager
def _pillow_limited(pixels: int) -> Iterator[None]:
    """Pillow raises above so many pixels, before it allocates, and warns of nothing.

    WebP pictures and icons allocate on opening, so the check must be Pillow's own there. Its warnings are of oddities
    in files, which are no fault of the program.
    """
    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.MAX_IMAGE_PIXELS = pixels // 2  # it warns above this, and raises above twice this
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _decode(data: bytes, found: Format, *, min_side_px: int, limit_pixels: int) -> Decoded:
    with Image.open(BytesIO(data), formats=[str(found.plugin)]) as image:
        full = _open_size(image, found)
        if full[0] < 1 or full[1] < 1:
            raise PhotoError(ProblemCode.DAMAGED, f"This {found.name} picture states that it has no pixels.")
        if full[0] * full[1] > limit_pixels:
            raise _too_large(limit_pixels, pixels=full[0] * full[1])
        if found is JPEG:
            _refuse_endless_scans(data, full)
            if image.mode in ("L", "RGB"):
                image.draft(image.mode, (min_side_px, min_side_px))
            else:
                image.draft(None, (min_side_px, min_side_px))
        _refuse_too_much_memory(image, found, full)
        _refuse_incomplete(image, data, found)
        if not isinstance(image.info.get("xmp", b""), bytes):
            del image.info["xmp"]  # a TIFF may state its packet with any type; Pillow's own search would trip over it
        drafted = image.size != full
        image.load()
        if not drafted:
            full = image.size  # some decoders know the size only now: an icon's, a cropped HEIC's
        exif = read_exif(image)
        transpose = _TRANSPOSE.get(_orientation(exif))
        sideways = transpose is not None and _orientation(exif) >= 5
        width, height = full[::-1] if sideways else full
        facts = read_facts(image, exif, format=found.name, width=width, height=height)
        profile = image.info.get("icc_profile")
        factor = max(1, min(image.size) // max(1, min_side_px))
        small = srgb_opaque(reduced(image, factor), profile if isinstance(profile, bytes) else None)
    upright = small.transpose(transpose) if transpose is not None else small
    bare = Image.frombytes("RGB", upright.size, upright.tobytes()) if upright.info else upright
    return Decoded(bare, facts)


@lru_cache(maxsize=1)
def _heic_registered() -> bool:
    """Make Pillow know HEIC, once, and only in a process that meets one. False where the plug-in is missing."""
    try:
        import pi_heif
    except ImportError:
        return False
    # One thread: the workers are as many as the cores. Thumbnails, depth and auxiliary images are not looked at.
    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    return True


def _open_size(image: Image.Image, found: Format) -> tuple[int, int]:
    if found in (ICO, CUR) and image.info.get("sizes"):
        return max(image.info["sizes"])
    return image.size


def _orientation(exif: Image.Exif) -> int:
    """1 to 8, also where a writer stated it with the wrong type, as most programs read it; else 1."""
    value = exif.get(_ORIENTATION, 1)
    if isinstance(value, tuple) and value:
        value = value[0]
    if isinstance(value, bytes) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and value.strip("\0 ").isdecimal():
        value = int(value.strip("\0 ")[:3])
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _refuse_endless_scans(data: bytes, size: tuple[int, int]) -> None:
    scans = data.count(b"\xff\xda")  # inside compressed data 0xFF is always followed by 0x00, so this is a marker
    if scans > 50 and scans * size[0] * size[1] > _SCAN_BUDGET:
        raise PhotoError(
            ProblemCode.TOO_SLOW,
            f"This JPEG picture is stored in {scans:,} passes; decoding it would take minutes.",
        )


def _refuse_incomplete(image: Image.Image, data: bytes, found: Format) -> None:
    """Refuse what Pillow would decode to a picture with wrong or missing pixels, without a word."""
    if found is PNG:
        with Image.open(BytesIO(data), formats=["PNG"]) as again:
            again.verify()  # the checksums of all chunks, at a gigabyte a second; decoding alone skips those of pixels
    elif isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.next > len(data):
        raise PhotoError(ProblemCode.DAMAGED, "The file ends too early: further pages of the TIFF file are missing.")


def _refuse_too_much_memory(image: Image.Image, found: Format, full: tuple[int, int]) -> None:
    """Refuse what the format's own figure does not tell: memory that depends on the mode and the way it is stored."""
    stored = {"1": 1, "L": 1, "P": 1}.get(image.mode, 2 if image.mode.startswith("I;16") else 4)
    needed = image.size[0] * image.size[1] * stored
    pixels = full[0] * full[1]
    if found is JPEG and image.info.get("progressive"):
        needed += pixels * (2 if image.mode == "L" else 6)  # libjpeg keeps the coefficients of the whole picture
    if found is TIFF:
        needed *= 2  # a strip may be the whole picture, and Pillow turns it upright in a copy
    if needed > MEMORY_BUDGET_BYTES:
        raise PhotoError(
            ProblemCode.TOO_LARGE,
            f"Decoding this {found.name} picture of {pixels / 1e6:,.0f} megapixels would take"
            f" {needed / 1e9:.1f} GB of memory, more than the {MEMORY_BUDGET_BYTES / 1e9:.1f} GB a picture may have.",
        )


def _too_large(limit: int, *, pixels: int | None = None) -> PhotoError:
    has = f"has {pixels / 1e6:,.0f} megapixels" if pixels else "is too large"
    return PhotoError(
        ProblemCode.TOO_LARGE, f"The picture {has}; at most {limit / 1e6:,.0f} megapixels of this kind are decoded."
    )


def _reason(error: Exception, format_name: str) -> str:
    """One sentence for a decoder's error, whose own words are written for programmers."""
    said = str(error).lower()
    if isinstance(error, EOFError) or any(w in said for w in ("truncated", "eof", "unexpected end", "too short")):
        return f"The file ends too early: part of the {format_name} picture is missing."
    return f"The content of this {format_name} picture is damaged and cannot be decoded."
