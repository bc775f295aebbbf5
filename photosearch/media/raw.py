"""Cameras' raw files, with LibRaw (rawpy): the picture the camera put inside, else a half-size development.

The preview that nearly every camera embeds costs a tenth of developing, and looks as the camera meant it. LibRaw is
native code that trusts what it reads: this runs in worker processes with limits only.
"""

from __future__ import annotations

import dataclasses
import logging
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from photosearch.errors import PhotoError, ProblemCode
from photosearch.media.facts import read_facts
from photosearch.media.formats import JPEG, RAW
from photosearch.media.pillow import (
    MEMORY_BUDGET_BYTES,
    Decoded,
    Lying,
    Needed,
    decode_lying,
    too_large,
    too_much_memory,
    upright,
)
from photosearch.media.raw_exif import read_raw_exif
from photosearch.records import PhotoFacts

if TYPE_CHECKING:
    import rawpy

log = logging.getLogger(__name__)

_ORIENTATION_OF_FLIP = (1, 2, 4, 3, 5, 8, 6, 7)
"""LibRaw's ``flip`` (bits: exchange sides, upside down, mirrored) as EXIF's orientation."""
_PREVIEW_SHARE = 4
"""A preview of this part of the sensor's side is good enough, however much is asked for."""
_SHAPE_TOLERANCE = 0.03
_EARLIEST_YEAR = 1990
"""Earlier dates from LibRaw are of clocks that were never set."""
_FLAT_BYTES, _STACKED_BYTES = 2, 8
"""What LibRaw keeps of a pixel: one 16-bit value behind a colour filter, four where each pixel has all colours."""
_DEVELOPED_BYTES = 8 + 3 + 3
"""A developed pixel: four 16-bit values, then RGB in LibRaw, then in Pillow."""


def decode_raw(data: bytes, *, needed: Needed, limit_pixels: int) -> Decoded:
    """Decode a raw file. The facts state the full upright size of what the camera shows of its sensor.

    Raises PhotoError.
    """
    import rawpy  # here, for it need not be installed

    try:
        with rawpy.RawPy() as raw:
            raw.open_buffer(BytesIO(data))
            return _decode(data, raw, needed=needed, limit_pixels=limit_pixels)
    except rawpy.LibRawError as error:
        log.debug("raw file not decoded: %s", error)
        raise _problem(error, rawpy) from None


def _problem(error: Exception, rawpy) -> PhotoError:
    if isinstance(error, rawpy.LibRawFileUnsupportedError):
        return PhotoError(
            ProblemCode.NO_CODEC,
            "This raw file is of a camera that the decoder (LibRaw) does not know, or it is damaged.",
        )
    if isinstance(error, rawpy.LibRawTooBigError):
        return PhotoError(ProblemCode.TOO_LARGE, "This raw file states a size that the decoder (LibRaw) refuses.")
    if isinstance(error, rawpy.LibRawUnsufficientMemoryError):
        return PhotoError(ProblemCode.OUT_OF_MEMORY, "Decoding this raw file takes more memory than it may have.")
    if isinstance(error, rawpy.LibRawIOError):
        return PhotoError(ProblemCode.DAMAGED, "The file ends too early: part of the raw picture is missing.")
    return PhotoError(ProblemCode.DAMAGED, "The content of this raw file is damaged and cannot be decoded.")


def _decode(data: bytes, raw: rawpy.RawPy, *, needed: Needed, limit_pixels: int) -> Decoded:
    sizes = raw.sizes
    stored = _stretched(sizes.width, sizes.height, sizes.pixel_aspect)
    orientation = _ORIENTATION_OF_FLIP[sizes.flip & 7]
    full = stored[::-1] if orientation >= 5 else stored
    sensor_pixels = max(sizes.raw_width * sizes.raw_height, full[0] * full[1])
    if min(full) < 1:
        raise PhotoError(ProblemCode.DAMAGED, "This raw file states that it has no pixels.")
    if sensor_pixels > limit_pixels:
        raise too_large(limit_pixels, pixels=sensor_pixels)
    preview = _preview(raw, needed=needed, limit_pixels=limit_pixels)
    if preview is not None and _is_enough(preview.size, full, needed):
        image = upright(preview.image, _turn(preview, orientation, full))
    else:
        image = _developed(raw, sensor_pixels, needed)
    width, height = _shown(full, image.size)
    facts = dataclasses.replace(_facts(data, raw, preview), format=RAW.name, width=width, height=height)
    return Decoded(image, facts)


def _stretched(width: int, height: int, pixel_aspect: float) -> tuple[int, int]:
    """The size in square pixels; a few old cameras had others."""
    if 0.1 < pixel_aspect < 0.995:
        return width, round(height / pixel_aspect)
    return (round(width * pixel_aspect), height) if 1.005 < pixel_aspect < 10 else (width, height)


def _preview(raw: rawpy.RawPy, *, needed: Needed, limit_pixels: int) -> Lying | None:
    """The largest picture inside; None where there is none that can be used."""
    try:
        inside = raw.extract_thumb()
        if isinstance(inside.data, bytes):  # a JPEG
            return decode_lying(inside.data, JPEG, needed=needed, limit_pixels=limit_pixels)
        image = Image.fromarray(inside.data).convert("RGB")
        return Lying(image, image.size, 1, False, PhotoFacts(RAW.name, *image.size))
    except MemoryError:
        raise
    except Exception as error:  # no preview, or a damaged one, and decoders raise a dozen kinds: it is developed then
        log.debug("no usable preview: %s", error)
    return None


def _is_enough(preview: tuple[int, int], full: tuple[int, int], needed: Needed) -> bool:
    enough = min(preview) >= needed.short_px and max(preview) >= needed.long_px
    return enough or max(preview) * _PREVIEW_SHARE >= max(full)


def _turn(preview: Lying, orientation: int, full: tuple[int, int]) -> int:
    """The orientation to apply to a preview: what it says of itself, else what the raw file says, else none.

    Whichever makes it lie or stand as the full picture does: some previews are upright already, and say nothing, or
    still carry the tag.
    """
    candidates = ((preview.orientation,) if preview.stated else ()) + (orientation, 1)
    width, height = preview.size
    for turn in candidates:
        turned = (height, width) if turn >= 5 else (width, height)
        if (turned[0] - turned[1]) * (full[0] - full[1]) >= 0:
            return turn
    return candidates[0]


def _developed(raw: rawpy.RawPy, sensor_pixels: int, needed: Needed) -> Image.Image:
    """At half size, where each square of the colour filter makes one pixel. LibRaw turns it upright."""
    import rawpy

    _refuse_above_budget(sensor_pixels, sensor_pixels * (_FLAT_BYTES + _DEVELOPED_BYTES // 4))
    raw.unpack()
    if raw.raw_type == rawpy.RawType.Stack:  # no colour filter, so no half size
        _refuse_above_budget(sensor_pixels, sensor_pixels * (_STACKED_BYTES + _DEVELOPED_BYTES))
    image = Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True))
    return image.reduce(needed.spare(image.size)).convert("RGB")


def _refuse_above_budget(pixels: int, needed_bytes: int) -> None:
    if needed_bytes > MEMORY_BUDGET_BYTES:
        raise too_much_memory("raw file", pixels=pixels, needed_bytes=needed_bytes)


def _shown(full: tuple[int, int], image: tuple[int, int]) -> tuple[int, int]:
    """The part of the full size that has the picture's shape: cameras crop to the shape their user chose, and the
    sensors of some Fuji cameras lie at an angle."""
    shape, of_full = image[0] / image[1], full[0] / full[1]
    if abs(shape / of_full - 1) <= _SHAPE_TOLERANCE:
        return full
    return (round(full[1] * shape), full[1]) if shape < of_full else (full[0], round(full[0] / shape))


def _facts(data: bytes, raw: rawpy.RawPy, preview: Lying | None) -> PhotoFacts:
    """From the raw file's own EXIF; where it has none that can be read, from the preview's; last, what LibRaw knows."""
    found = PhotoFacts(RAW.name, 0, 0)
    exif = read_raw_exif(data)
    if exif is not None:
        bearer = Image.new("L", (1, 1))
        packet = exif.get(0x02BC)
        if isinstance(packet, bytes):
            bearer.info["xmp"] = packet
        found = read_facts(bearer, exif, format=RAW.name, width=0, height=0)
    if preview is not None:
        stated = preview.facts
        if (stated.taken or "9")[:4] < str(
            _EARLIEST_YEAR
        ):  # LibRaw writes EXIF into previews without, 1970 for no date
            stated = dataclasses.replace(stated, taken=None, taken_offset=None, taken_source=None)
        found = _filled(found, stated)
    return _filled(found, _known_to_libraw(raw))


def _known_to_libraw(raw: rawpy.RawPy) -> PhotoFacts:
    other = raw.other
    taken = other.timestamp if other.timestamp and other.timestamp.year >= _EARLIEST_YEAR else None
    return PhotoFacts(
        RAW.name,
        0,
        0,
        taken=taken.isoformat() if taken else None,
        taken_source="exif" if taken else None,
        exposure_seconds=round(other.shutter_speed, 9) or None,
        f_number=round(other.aperture, 3) or None,
        iso=round(other.iso_speed) or None,
        focal_length_mm=round(other.focal_length, 3) or None,
    )


def _filled(facts: PhotoFacts, others: PhotoFacts) -> PhotoFacts:
    """``facts`` with what they lack taken from ``others``. What belongs together stays together."""
    taken = ("taken", "taken_offset", "taken_source")
    place = ("latitude", "longitude")
    alone = ("camera", "lens", "exposure_seconds", "f_number", "iso", "focal_length_mm", "title", "description",
             "keywords", "rating")  # fmt: skip
    changes = {}
    for group in (taken, place, *((name,) for name in alone)):
        if getattr(facts, group[0]) in (None, ()):
            changes.update({name: getattr(others, name) for name in group})
    return dataclasses.replace(facts, **changes)
