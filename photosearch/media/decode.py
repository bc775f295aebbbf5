"""A picture file's bytes to an upright sRGB image and its facts, in one decode.

Looks what the bytes are, hands them to the decoder for it, and turns whatever goes wrong into a PhotoError. What no
header can tell, time and memory limits on the worker process do: `decode` runs in one. It is not meant for several
threads of one process at a time, for Pillow's limits are global.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from photosearch.errors import PhotoError, ProblemCode
from photosearch.media import plugins
from photosearch.media.formats import JPEG_XL, RAW, Format, Unreadable, identify
from photosearch.media.jpeg_xl import stated_size
from photosearch.media.pillow import MEMORY_BUDGET_BYTES, Decoded, Needed, decode_picture, too_large
from photosearch.media.raw import decode_raw

log = logging.getLogger(__name__)

__all__ = ["Decoded", "decode"]


def decode(data: bytes, *, name: str, min_side_px: int, max_megapixels: int, min_long_side_px: int = 0) -> Decoded:
    """Decode a whole picture file once.

    data: the file. name: its name, whose extension counts only where content has no mark of its own (many cameras' raw
    files look like TIFF).
    min_side_px, min_long_side_px: the image comes back scaled down, but its shorter and its longer side are at least
    this (unless the picture itself is smaller, or a raw file's preview, which may be a quarter of it). Less is faster:
    ask for no more than half as much again as is needed, and resize with a good filter.
    Of animations and files with several pages the first picture is taken; an icon's largest.
    Raises PhotoError with a code and one sentence, whatever the file holds.
    """
    if not data:
        raise PhotoError(ProblemCode.EMPTY, "The file is empty.")
    found = identify(data, name=name)
    if isinstance(found, Unreadable):
        raise PhotoError(found.code, found.reason)
    if (missing := plugins.missing_for(found)) is not None:
        raise PhotoError(ProblemCode.NO_CODEC, missing)
    limit = max_megapixels * 1_000_000
    if found.bytes_per_pixel:
        limit = min(limit, MEMORY_BUDGET_BYTES // found.bytes_per_pixel)
    try:
        with _pillow_limited(limit):
            needed = Needed(min_side_px, min_long_side_px)
            if found is RAW:
                return decode_raw(data, needed=needed, limit_pixels=limit)
            if found is JPEG_XL:
                _refuse_large_jpeg_xl(data, limit)
            return decode_picture(data, found, needed=needed, limit_pixels=limit)
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        stated = re.search(r"(\d+) pixels", str(error))
        raise too_large(limit, pixels=int(stated[1]) if stated else None) from None
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
        raise PhotoError(ProblemCode.DAMAGED, _reason(error, found)) from None


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


def _refuse_large_jpeg_xl(data: bytes, limit_pixels: int) -> None:
    """Its plug-in decodes on opening, so the size must be read before."""
    size = stated_size(data)
    if size is None:
        raise PhotoError(ProblemCode.DAMAGED, "This JPEG XL file cannot be opened: its header is damaged or cut short.")
    if size[0] * size[1] > limit_pixels:
        raise too_large(limit_pixels, pixels=size[0] * size[1])


def _reason(error: Exception, found: Format) -> str:
    """One sentence for a decoder's error, whose own words are written for programmers."""
    said = str(error).lower()
    if isinstance(error, EOFError) or any(w in said for w in ("truncated", "eof", "unexpected end", "too short")):
        return f"The file ends too early: part of the {found.name} picture is missing."
    return f"The content of this {found.name} picture is damaged and cannot be decoded."
