"""The decoders beside Pillow's own: which are installed, and making Pillow know them.

Each is loaded once, and only in a process that meets a file for it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import lru_cache

from photosearch.media.formats import HEIC, JPEG_XL, PACKAGES, RAW, Format

_NOT_INSTALLED = {
    HEIC: "The decoder for HEIC pictures (pi-heif) is not installed.",
    RAW: "The decoder for the raw files of cameras (rawpy) is not installed.",
    JPEG_XL: "Reading JPEG XL pictures takes a decoder that PhotoSearch does not bring along: install"
    " pillow-jxl-plugin beside it, then read the files with problems again.",
}


def missing_for(found: Format) -> str | None:
    """Load what ``found`` needs beside Pillow. A sentence where that is not installed, None where all is well."""
    if found not in PACKAGES or _loaded(found):
        return None
    return _NOT_INSTALLED[found]


@lru_cache(maxsize=8)
def _loaded(found: Format) -> bool:
    if importlib.util.find_spec(PACKAGES[found]) is None:
        return False
    try:
        _LOADERS[found]()
    except ImportError:
        return False
    return True


def _load_heic() -> None:
    import pi_heif

    # One thread: the workers are as many as the cores. Thumbnails, depth and auxiliary images are not looked at.
    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)


def _load_raw() -> None:
    import rawpy  # noqa: F401  (media.raw uses it)


def _load_jpeg_xl() -> None:
    import pillow_jxl.JpegXLImagePlugin  # registers itself

    pillow_jxl.JpegXLImagePlugin.DECODE_THREADS = 1


_LOADERS: dict[Format, Callable[[], None]] = {HEIC: _load_heic, RAW: _load_raw, JPEG_XL: _load_jpeg_xl}
