"""Progressive JPEG at an eighth of its size, without decoding what does not show.

A progressive file stores each colour plane in several passes: first every block's mean, then finer and finer detail.
At an eighth a block is one pixel, its mean; but libjpeg decodes all passes before it gives a pixel, which takes three
times as long as for any other JPEG. `without_detail` leaves the passes out that only refine planes of full resolution.
The pixels that libjpeg then gives at an eighth are the same, bit for bit (tests hold it to that).
Source: ITU-T T.81, annexes B and G.
"""

from __future__ import annotations

import re

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Inside compressed data 0xFF is followed by zero, or is a restart mark."""
_SOF2, _TABLES, _SOS, _EOI, _RESTARTS = 0xC2, 0xC4, 0xDA, 0xD9, 0xDD
_LAST_COEFFICIENT = 63
_LONGEST_RUN = 32767

# A pass that says "no detail in any block", in runs of blocks. Without one libjpeg would take the detail for missing,
# and guess it. One Huffman code of one bit, for runs of 16,384 and 14 bits more; each run is then 0 and fourteen ones.
# Its table gets the number 3, which encoders do not use.
_OUR_TABLE = 0x13
_RUN_TABLE = bytes((0xFF, _TABLES, 0, 20, _OUR_TABLE, 1)) + bytes(15) + b"\xe0"
_RUN_BITS = 0b0_11111111111111
_RUN_BIT_COUNT = 15


def without_detail(data: bytes) -> bytes | None:
    """The file without the passes that do not show at an eighth; None where it is no whole progressive JPEG, or one
    of a kind this does not know."""
    if data[-2:] != b"\xff\xd9":
        return None  # cut short, or with something behind it: that is not for here to judge
    kept: list[bytes | memoryview] = [data[:2]]
    view, at = memoryview(data), 2
    planes: dict[int, int] = {}
    emptied: set[int] = set()
    while at + 4 <= len(data) and data[at] == 0xFF:
        kind, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + size
        if kind == _SOF2:
            planes = _full_planes(data[at + 4 : end])
            if not planes:
                return None
        elif kind == _EOI or (0xC0 <= kind <= 0xCF and kind != _TABLES):
            return None  # another kind of JPEG, or no pass before the end
        elif kind == _TABLES and _OUR_TABLE in _tables(data[at + 4 : end]):
            return None
        elif kind == _RESTARTS and any(data[at + 4 : end]):
            return None  # they would be looked for in our pass as well
        elif kind == _SOS:
            following = _MARKER.search(data, end)
            if following is None or not planes:
                return None
            end = following.start()
            last = data[end + 1] == _EOI
            if last and end != len(data) - 2:
                return None  # another picture follows
            plane, first_coefficient = data[at + 5], data[at + 5 + 2 * data[at + 4]]
            if data[at + 4] == 1 and first_coefficient > 0 and plane in planes:
                if plane not in emptied:
                    emptied.add(plane)
                    kept.append(_empty_pass(plane, planes[plane]))
            else:
                kept.append(view[at:end])
            if last:
                return b"".join((*kept, view[end:])) if emptied else None
            at = end
            continue
        kept.append(view[at:end])
        at = end
    return None


def _full_planes(frame: bytes) -> dict[int, int]:
    """Number of blocks by id of the planes of full resolution, from a frame header of 8 bits; else none."""
    if len(frame) < 6 or frame[0] != 8 or len(frame) != 6 + 3 * frame[5]:
        return {}
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    samplings = {frame[6 + 3 * i]: frame[7 + 3 * i] for i in range(frame[5])}
    most = (max(s >> 4 for s in samplings.values()) << 4) | max(s & 15 for s in samplings.values())
    blocks = -(-width // 8) * -(-height // 8)
    return {plane: blocks for plane, sampling in samplings.items() if sampling == most} if blocks else {}


def _tables(segment: bytes) -> list[int]:
    """Class and number of each Huffman table in a segment."""
    found, at = [], 0
    while at + 17 <= len(segment):
        found.append(segment[at])
        at += 17 + sum(segment[at + 1 : at + 17])
    return found


def _empty_pass(plane: int, blocks: int) -> bytes:
    runs = -(-blocks // _LONGEST_RUN)
    bits = runs * _RUN_BIT_COUNT
    padding = -bits % 8
    number = 0
    for _ in range(runs):
        number = number << _RUN_BIT_COUNT | _RUN_BITS
    body = (number << padding | (1 << padding) - 1).to_bytes((bits + padding) // 8, "big").replace(b"\xff", b"\xff\0")
    head = bytes((0xFF, _SOS, 0, 8, 1, plane, _OUR_TABLE & 15, 1, _LAST_COEFFICIENT, 0))
    return _RUN_TABLE + head + body
