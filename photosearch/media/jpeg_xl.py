"""The size that a JPEG XL picture states, read without a decoder.

Source: ISO/IEC 18181-1, annex D.2 (SizeHeader); 18181-2 (boxes).
"""

from __future__ import annotations

_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_CODESTREAM = b"\xff\x0a"
_SIDE_BITS = (9, 13, 18, 30)
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


def stated_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) as stored; None where the header cannot be read."""
    stream = _codestream(data)
    if stream is None or not stream.startswith(_CODESTREAM) or len(stream) < 4:
        return None
    bits = _Bits(stream[2:16])
    in_eights = bits.take(1)
    height = _side(bits, in_eights)
    ratio = bits.take(3)
    if ratio == 0:
        return _side(bits, in_eights), height
    wide, high = _RATIOS[ratio]
    return height * wide // high, height


class _Bits:
    """Reads numbers from bytes, least significant bit first. What lies behind the end reads as zeros."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value


def _side(bits: _Bits, in_eights: int) -> int:
    return 8 * (1 + bits.take(5)) if in_eights else 1 + bits.take(_SIDE_BITS[bits.take(2)])


def _codestream(data: bytes) -> bytes | None:
    """The first bytes of the codestream, which stands bare or in one or more boxes."""
    if data.startswith(_CODESTREAM):
        return data[:16]
    at = len(_CONTAINER)
    while data.startswith(_CONTAINER) and at + 8 <= len(data):
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if kind == b"jxlc":
            return data[at + head : at + head + 16]
        if kind == b"jxlp":
            return data[at + head + 4 : at + head + 20]
        if size < head:
            break  # 0: to the end of the file
        at += size
    return None
