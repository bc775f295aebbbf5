"""The EXIF of cameras' raw files, where they keep it in the form of TIFF.

Most raw files are TIFF files, some with a mark of their own (Olympus, Panasonic); Canon's CR3 has a TIFF block for
each directory. Source for CR3: the boxes CMT1, CMT2 and CMT4 in Laurent Clévy's description of the format.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from PIL import Image

log = logging.getLogger(__name__)

_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_CR3_HEAD_BYTES = 1 << 20
_MARKED_HEAD_BYTES = 4 << 20
"""How much of a file with another mark than TIFF's is looked at; its directories stand at its beginning."""


def read_raw_exif(data: bytes) -> Image.Exif | None:
    """The EXIF of a raw file, None where there is none in a form we read. Never raises for what the file holds."""
    try:
        if data[4:12] == b"ftypcrx ":
            return _canon_cr3(data[:_CR3_HEAD_BYTES])
        if data[:4] in (b"II*\0", b"MM\0*"):
            return _tiff(data)
        if data[:2] == b"II" or data[:2] == b"MM":
            little = data[:2] == b"II"
            return _tiff(data[:2] + (b"*\0" if little else b"\0*") + data[4:_MARKED_HEAD_BYTES])
    except Exception as error:  # Pillow's readers raise a dozen kinds
        log.debug("no EXIF read from the raw file: %s", error)
    return None


def _tiff(data: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(data)
    return exif


class _CanonExif(Image.Exif):
    """EXIF whose inner directories stand in blocks of their own."""

    def __init__(self, inner: Mapping[int, Mapping[int, object]]) -> None:
        super().__init__()
        self._inner = inner

    def get_ifd(self, tag: int) -> dict:
        return dict(self._inner.get(tag, {}))


def _canon_cr3(head: bytes) -> Image.Exif | None:
    main, detail, gps = (_box(head, kind) for kind in (b"CMT1", b"CMT2", b"CMT4"))
    if main is None:
        return None
    exif = _CanonExif({tag: _tiff(block) for tag, block in ((_EXIF_IFD, detail), (_GPS_IFD, gps)) if block})
    exif.load(main)
    return exif


def _box(head: bytes, kind: bytes) -> bytes | None:
    at = head.find(kind)
    if at < 4:
        return None
    size = int.from_bytes(head[at - 4 : at], "big")
    return head[at + 4 : at - 4 + size] or None
