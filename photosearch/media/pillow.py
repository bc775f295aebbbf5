"""Pictures that Pillow and its plug-ins read: header checks, one scaled decode, upright, sRGB.

Sizes are checked from the header, before any pixel is touched; formats are restricted to the one the content shows, so
no file can reach a decoder nobody meant it for (PostScript would start Ghostscript). Faults are whatever the decoders
raise; ``decode`` makes sentences of them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
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
    WebPImagePlugin,
)

from photosearch.errors import PhotoError, ProblemCode
from photosearch.media.colour import reduced, srgb_opaque
from photosearch.media.facts import read_exif, read_facts
from photosearch.media.formats import CUR, ICO, JPEG, JPEG_XL, PNG, TIFF, Format
from photosearch.media.progressive import without_detail
from photosearch.records import PhotoFacts

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

_SMALLEST_SCALE = 8
"""libjpeg decodes to a half, a quarter or an eighth."""

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


# One thread: the workers are as many as the cores.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


@dataclass(frozen=True, slots=True)
class Decoded:
    """``image``: upright, mode RGB, sRGB, no metadata; maybe scaled down. ``facts`` state the full upright size."""

    image: Image.Image
    facts: PhotoFacts


@dataclass(frozen=True, slots=True)
class Lying:
    """A picture as it is stored, before it is turned upright.

    image: mode RGB, sRGB, maybe scaled down. size: in full. orientation: 1 to 8, as in EXIF; ``stated`` tells whether
    the file says so itself. facts: with the size as stored.
    """

    image: Image.Image
    size: tuple[int, int]
    orientation: int
    stated: bool
    facts: PhotoFacts


@dataclass(frozen=True, slots=True)
class Needed:
    """How large a picture has to be at least after decoding, unless it is smaller itself."""

    short_px: int
    long_px: int = 0

    def spare(self, size: tuple[int, int]) -> int:
        """By how much a picture of this size may be divided; at least 1."""
        return max(1, min(min(size) // max(1, self.short_px), max(size) // max(1, self.long_px)))


def decode_picture(data: bytes, found: Format, *, needed: Needed, limit_pixels: int) -> Decoded:
    """Decode and turn upright. Raises PhotoError and whatever the decoders raise."""
    lying = decode_lying(data, found, needed=needed, limit_pixels=limit_pixels)
    width, height = lying.size[::-1] if lying.orientation >= 5 else lying.size
    return Decoded(
        upright(lying.image, lying.orientation), dataclasses.replace(lying.facts, width=width, height=height)
    )


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """The picture turned as its EXIF orientation (1 to 8) says."""
    transpose = _TRANSPOSE.get(orientation)
    return image if transpose is None else image.transpose(transpose)


def decode_lying(data: bytes, found: Format, *, needed: Needed, limit_pixels: int) -> Lying:
    """Decode a picture of a known format as it is stored. Raises PhotoError and whatever the decoders raise."""
    with Image.open(BytesIO(data), formats=[str(found.plugin)]) as opened:
        image: Image.Image = opened
        full = _open_size(image, found)
        if full[0] < 1 or full[1] < 1:
            raise PhotoError(ProblemCode.DAMAGED, f"This {found.name} picture states that it has no pixels.")
        if full[0] * full[1] > limit_pixels:
            raise too_large(limit_pixels, pixels=full[0] * full[1])
        if found is JPEG:
            _refuse_endless_scans(image, data, full)
            spare = needed.spare(full)
            if spare >= _SMALLEST_SCALE and image.info.get("progressive"):
                image = _lighter(image, data)
            image.draft(image.mode if image.mode in ("L", "RGB") else None, (full[0] // spare, full[1] // spare))
        _refuse_too_much_memory(image, found, full)
        _refuse_incomplete(image, data, found)
        if not isinstance(image.info.get("xmp", b""), bytes):
            del image.info["xmp"]  # a TIFF may state its packet with any type; Pillow's own search would trip over it
        drafted = image.size != full
        image.load()
        if not drafted:
            full = image.size  # some decoders know the size only now: an icon's, a cropped HEIC's
        exif = read_exif(image)
        turned_already = found is JPEG_XL and not getattr(image, "jpeg", False)
        orientation = 1 if turned_already else _orientation(exif)
        facts = read_facts(image, exif, format=found.name, width=full[0], height=full[1])
        profile = image.info.get("icc_profile")
        small = srgb_opaque(reduced(image, needed.spare(image.size)), profile if isinstance(profile, bytes) else None)
    small.info = {}  # the profile, the comment: what Pillow would write into a copy
    return Lying(small, full, orientation, _ORIENTATION in exif, facts)


def _lighter(image: Image.Image, data: bytes) -> Image.Image:
    """The same JPEG, opened without what does not show at an eighth, where that can be left out."""
    light = without_detail(data)
    return image if light is None else Image.open(BytesIO(light), formats=["JPEG"])


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


def _refuse_endless_scans(image: Image.Image, data: bytes, size: tuple[int, int]) -> None:
    if not image.info.get("progressive"):
        return
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
        raise too_much_memory(f"{found.name} picture", pixels=pixels, needed_bytes=needed)


def too_large(limit: int, *, pixels: int | None = None) -> PhotoError:
    """The problem of a picture with more pixels than are decoded."""
    has = f"has {pixels / 1e6:,.0f} megapixels" if pixels else "is too large"
    return PhotoError(
        ProblemCode.TOO_LARGE, f"The picture {has}; at most {limit / 1e6:,.0f} megapixels of this kind are decoded."
    )


def too_much_memory(what: str, *, pixels: int, needed_bytes: int) -> PhotoError:
    """The problem of a picture that would take more memory than a picture may have."""
    return PhotoError(
        ProblemCode.TOO_LARGE,
        f"Decoding this {what} of {pixels / 1e6:,.0f} megapixels would take {needed_bytes / 1e9:.1f} GB of memory,"
        f" more than the {MEMORY_BUDGET_BYTES / 1e9:.1f} GB a picture may have.",
    )
