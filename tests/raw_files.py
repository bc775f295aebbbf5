"""Small raw files that LibRaw develops: DNG, with a colour filter or without, turned, with a preview or without.

Source: Adobe's Digital Negative (DNG) Specification 1.4; TIFF 6.0.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL = 1, 2, 3, 4, 5, 10
_CODES = {_BYTE: "B", _SHORT: "H", _LONG: "I", _RATIONAL: "I", _SRATIONAL: "i"}
_SRGB_FROM_XYZ = (3.24, -1.54, -0.5, -0.97, 1.88, 0.04, 0.06, -0.2, 1.06)
_BLACK, _RANGE = 256, 15000

Tags = Mapping[int, tuple[int, Sequence[int] | bytes]]


def corners(width: int = 192, height: int = 128) -> Image.Image:
    """Upright: red top left, green top right, blue bottom left, yellow bottom right."""
    small = Image.new("RGB", (2, 2))
    small.putdata([(220, 20, 20), (20, 180, 20), (20, 20, 220), (230, 220, 20)])
    return small.resize((width, height), Image.Resampling.NEAREST)


def jpeg(image: Image.Image, **options: object) -> bytes:
    """Without the JFIF header that Pillow writes first: cameras begin with their EXIF."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, **options)
    file = out.getvalue()
    assert file[2:4] == b"\xff\xe0"
    return file[:2] + file[4 + int.from_bytes(file[4:6], "big") :]


def dng(
    scene: Image.Image,
    *,
    orientation: int = 1,
    preview: bytes | None = None,
    linear: bool = False,
    taken: str = "2019:05:04 03:02:01",
) -> bytes:
    """A DNG of the scene as it lies on the sensor. preview: a JPEG to put inside."""
    light = (np.asarray(scene) / 255.0) ** 2.2
    plane = (_BLACK + _RANGE * (light if linear else _mosaic(light))).astype("<u2")
    samples = 3 if linear else 1
    raw = {
        254: (_LONG, [0]), 256: (_LONG, [scene.width]), 257: (_LONG, [scene.height]), 258: (_SHORT, [16] * samples),
        259: (_SHORT, [1]), 262: (_SHORT, [34892 if linear else 32803]), 277: (_SHORT, [samples]),
        278: (_LONG, [scene.height]), 50714: (_SHORT, [_BLACK] * samples), 50717: (_SHORT, [_BLACK + _RANGE] * samples),
    }  # fmt: skip
    if not linear:
        raw |= {33421: (_SHORT, [2, 2]), 33422: (_BYTE, [0, 1, 1, 2])}
    matrix = [part for value in _SRGB_FROM_XYZ for part in (int(value * 10000), 10000)]
    camera = {
        271: (_ASCII, b"Made Here\0"), 272: (_ASCII, b"One\0"), 274: (_SHORT, [orientation]),
        306: (_ASCII, taken.encode() + b"\0"), 50706: (_BYTE, [1, 4, 0, 0]), 50707: (_BYTE, [1, 1, 0, 0]),
        50708: (_ASCII, b"Made Here One\0"), 50721: (_SRATIONAL, matrix), 50728: (_RATIONAL, [1, 1] * 3),
        50778: (_SHORT, [21]),
    }  # fmt: skip
    if preview is None:
        return _tiff(raw | camera, plane.tobytes())
    with Image.open(io.BytesIO(preview)) as inside:
        first = {
            254: (_LONG, [1]), 256: (_LONG, [inside.width]), 257: (_LONG, [inside.height]), 258: (_SHORT, [8] * 3),
            259: (_SHORT, [7]), 262: (_SHORT, [6]), 277: (_SHORT, [3]), 278: (_LONG, [inside.height]),
        }  # fmt: skip
    return _tiff(first | camera, preview, inner=(raw, plane.tobytes()))


def _mosaic(light: np.ndarray) -> np.ndarray:
    out = np.empty(light.shape[:2])
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        out[row::2, column::2] = light[row::2, column::2, channel]
    return out


def _tiff(tags: Tags, pixels: bytes, *, inner: tuple[Tags, bytes] | None = None) -> bytes:
    """One directory, and maybe another below it, each with its pixels in one strip."""
    head = 8
    first = dict(tags) | {273: (_LONG, [0]), 279: (_LONG, [len(pixels)])}
    if inner is not None:
        first |= {330: (_LONG, [0])}
    pixels_at = head + len(_directory(first, head))
    first |= {273: (_LONG, [pixels_at])}
    pixels += b"\0" * (len(pixels) % 2)
    after = pixels_at + len(pixels)
    below = b""
    if inner is not None:
        first |= {330: (_LONG, [after])}
        second = dict(inner[0]) | {273: (_LONG, [0]), 279: (_LONG, [len(inner[1])])}
        second |= {273: (_LONG, [after + len(_directory(second, after))])}
        below = _directory(second, after) + inner[1]
    return b"II*\0" + struct.pack("<I", head) + _directory(first, head) + pixels + below


def _directory(tags: Tags, at: int) -> bytes:
    entries, values = b"", b""
    values_at = at + 2 + 12 * len(tags) + 4
    for tag, (kind, value) in sorted(tags.items()):
        body = value if isinstance(value, bytes) else struct.pack(f"<{len(value)}{_CODES[kind]}", *value)
        count = len(value) // (2 if kind in (_RATIONAL, _SRATIONAL) else 1)
        if len(body) <= 4:
            entries += struct.pack("<HHI", tag, kind, count) + body.ljust(4, b"\0")
        else:
            entries += struct.pack("<HHII", tag, kind, count, values_at + len(values))
            values += body + b"\0" * (len(body) % 2)
    return struct.pack("<H", len(tags)) + entries + bytes(4) + values
