"""IPTC records (IIM version 4) inside a picture, as texts.

Read by our own short parser: Pillow's knows JPEG and TIFF only, and drops everything at the first odd field.
Source: IPTC-NAA Information Interchange Model 4.2, sections 1.5 and 2; Adobe's image resource blocks.
"""

from __future__ import annotations

from collections.abc import Mapping

from PIL import Image

OBJECT_NAME = 5
KEYWORDS = 25
DATE_CREATED = 55
TIME_CREATED = 60
HEADLINE = 105
CAPTION = 120

_IPTC_RESOURCE = 0x0404
_IPTC_TIFF_TAG = 33723
_PHOTOSHOP_TIFF_TAG = 34377
_MAX_FIELDS = 5_000
_MAX_BYTES = 64_000


def iptc_block(image: Image.Image) -> bytes | None:
    """The IPTC bytes of an opened JPEG, TIFF or Photoshop picture; None where there are none."""
    resources = image.info.get("photoshop")
    if isinstance(resources, dict):
        block = resources.get(_IPTC_RESOURCE)
        return block if isinstance(block, bytes) else None
    for number, _, block in getattr(image, "resources", ()):
        if number == _IPTC_RESOURCE:
            return block
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        return None
    # The bytes as stored: Photoshop wrote them as 4-byte numbers, of which the tag's value is but the first.
    block = getattr(tags, "_tagdata", {}).get(_IPTC_TIFF_TAG)
    if isinstance(block, bytes):
        return block
    return _from_resources(tags.get(_PHOTOSHOP_TIFF_TAG))


def _from_resources(blocks: object) -> bytes | None:
    if not isinstance(blocks, bytes):
        return None
    at = 0
    while blocks[at : at + 4] == b"8BIM" and at + 12 <= len(blocks):
        number = int.from_bytes(blocks[at + 4 : at + 6], "big")
        start = at + 6 + (blocks[at + 6] + 2) // 2 * 2
        size = int.from_bytes(blocks[start : start + 4], "big")
        if number == _IPTC_RESOURCE:
            return blocks[start + 4 : start + 4 + size]
        at = start + 4 + (size + 1) // 2 * 2
    return None


def parse_iptc(block: bytes) -> Mapping[int, list[str]]:
    """The texts of the application record (2), by dataset number. What follows a damaged field is left out.

    UTF-8 where the block says so or where its bytes are UTF-8, else Latin-1.
    """
    raw: dict[int, list[bytes]] = {}
    says_utf8 = False
    at = fields = 0
    while at + 5 <= len(block) and block[at] == 0x1C and fields < _MAX_FIELDS:
        record, dataset = block[at + 1], block[at + 2]
        size = int.from_bytes(block[at + 3 : at + 5], "big")
        at += 5
        if size & 0x8000:  # the size of the size: fields above 32 kB
            length = size & 0x7FFF
            if length > 4:
                break
            size = int.from_bytes(block[at : at + length], "big")
            at += length
        value = block[at : at + min(size, _MAX_BYTES)]
        at += size
        fields += 1
        if (record, dataset) == (1, 90):
            says_utf8 = value == b"\x1b%G"
        elif record == 2:
            raw.setdefault(dataset, []).append(value)
    return {number: [_text(v, says_utf8) for v in values] for number, values in raw.items()}


def _text(value: bytes, says_utf8: bool) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("utf-8", "replace") if says_utf8 else value.decode("latin-1")
