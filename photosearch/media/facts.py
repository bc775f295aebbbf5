"""What a picture says of itself: EXIF first, then XMP, then IPTC.

No fault in metadata ever fails a photo: each fact is read on its own, and one that cannot be is left out. Everything is
bounded, for a catalog row and a search index are made of it. Words (title, description, rating) are taken from XMP
first, because that is where people's own edits go; keywords are the union of XMP, IPTC and Windows' own.
Sources: CIPA DC-008 (EXIF 3.0), Metadata Working Group guidelines 2.0.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime

from PIL import Image

from photosearch.media import iptc, xmp
from photosearch.records import PhotoFacts

log = logging.getLogger(__name__)

MAX_KEYWORDS = 1_000
MAX_KEYWORD_CHARS = 200
MAX_TITLE_CHARS = 2_000
MAX_DESCRIPTION_CHARS = 20_000
_MAX_NAME_CHARS = 200
_FIRST_PHOTOGRAPH = 1826
_MIDNIGHT = "T00:00:00"

_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_PSD_EXIF, _PSD_XMP = 1058, 1060
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"

# Written by cameras and programs into every file: no description of anything.
_EMPTY_PHRASES = frozenset(
    (
        "olympus digital camera", "konica minolta digital camera", "minolta digital camera", "sony dsc",
        "digital camera", "exif_jpeg_picture", "exif_jpeg_t422", "created with gimp", "default", "screenshot",
    )
)  # fmt: skip

Tags = Mapping[int, object]


def read_exif(image: Image.Image) -> Image.Exif:
    """The EXIF of a loaded image, with the orientation that only XMP states; empty where it is damaged."""
    for number, _, block in getattr(image, "resources", ()):  # Photoshop keeps both in blocks of its own
        if number == _PSD_EXIF:
            image.info.setdefault("exif", block)
        elif number == _PSD_XMP:
            image.info.setdefault("xmp", block)
    for _ in range(2):  # what was read before the fault is there at the second call
        try:
            return image.getexif()
        except Exception as error:  # Pillow's readers raise a dozen kinds
            log.debug("EXIF read in part: %s", error)
    return Image.Exif()


def read_facts(image: Image.Image, exif: Image.Exif, *, format: str, width: int, height: int) -> PhotoFacts:
    """The facts of a loaded image. ``width`` and ``height``: full size, upright."""
    main: Tags = _readable(exif)
    detail = {**main, **_readable(_ifd(exif, _EXIF_IFD))}
    packet = image.info.get("xmp")
    properties = xmp.parse_xmp(packet, extension=_extension(image)) if isinstance(packet, bytes) else {}
    records: Mapping[int, list[str]] = {}
    with suppress(Exception):
        records = iptc.parse_iptc(iptc.iptc_block(image) or b"")
    taken, offset, source = _taken(main, detail, properties, records)
    latitude, longitude = _position(_readable(_ifd(exif, _GPS_IFD)), properties)
    return PhotoFacts(
        format=format,
        width=width,
        height=height,
        taken=taken,
        taken_offset=offset,
        taken_source=source,
        camera=_camera(_text(main.get(0x010F)), _text(main.get(0x0110))),
        lens=_lens(detail, properties),
        exposure_seconds=_exposure(detail),
        f_number=_positive(detail.get(0x829D)),
        iso=_iso(detail.get(0x8827)),
        focal_length_mm=_positive(detail.get(0x920A)),
        latitude=latitude,
        longitude=longitude,
        title=_title(image, main, properties, records),
        description=_description(image, main, detail, properties, records),
        keywords=_keywords(main, properties, records),
        rating=_rating(main, properties),
    )


def _ifd(exif: Image.Exif, tag: int) -> Mapping:
    try:
        return exif.get_ifd(tag)
    except Exception as error:
        log.debug("EXIF directory %#x left out: %s", tag, error)
        return {}


def _extension(image: Image.Image) -> bytes:
    """The second XMP packet of a JPEG, which holds what does not fit into one segment of 64 kB."""
    parts: dict[int, bytes] = {}
    for _, content in getattr(image, "applist", ()):
        if content.startswith(_EXTENDED_XMP):
            head = len(_EXTENDED_XMP) + 32  # the digest, then the whole length and this part's place
            parts.setdefault(int.from_bytes(content[head + 4 : head + 8], "big"), content[head + 8 :])
    return b"".join(parts[place] for place in sorted(parts))


def _readable(tags: Mapping) -> dict[int, object]:
    """The tags whose values can be read; Pillow decodes some of them only when asked."""
    values = {}
    for tag in list(tags):
        with suppress(Exception):
            values[tag] = tags[tag]
    return values


# Text


def _clean(text: str, limit: int, *, lines: bool = False) -> str | None:
    """Trimmed, without control characters and lone surrogates, at most ``limit`` characters; None if empty."""
    text = text[: limit * 4].replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(
        c if c >= " " and not "\x7f" <= c <= "\x9f" and not "\ud800" <= c <= "\udfff" else c if c in "\n\t" else ""
        for c in text
    )
    kept = kept if lines else " ".join(kept.split())
    return kept.strip()[:limit].rstrip() or None


def _text(value: object, limit: int = _MAX_NAME_CHARS, *, lines: bool = False) -> str | None:
    """An EXIF text. Pillow hands over Latin-1; most writers mean UTF-8. It ends at the first NUL."""
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        value = value[0]
    if isinstance(value, str):
        with suppress(UnicodeError):
            value = value.encode("latin-1").decode("utf-8")
        text = value
    elif isinstance(value, bytes):
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            text = value.decode("latin-1")
    else:
        return None
    return _clean(text.split("\0", 1)[0], limit, lines=lines)


def _windows_text(value: object) -> str:
    """Windows' own fields: UTF-16 in bytes."""
    if isinstance(value, tuple) and all(isinstance(n, int) and 0 <= n < 256 for n in value):
        value = bytes(value)
    return value.decode("utf-16-le", "ignore").split("\0", 1)[0] if isinstance(value, bytes) else ""


def _first(texts: Iterable[str | None], limit: int, *, lines: bool = False) -> str | None:
    for text in texts:
        cleaned = _clean(text, limit, lines=lines) if text else None
        if cleaned and cleaned.lower() not in _EMPTY_PHRASES:
            return cleaned
    return None


def _embedded(image: Image.Image, key: str) -> str | None:
    value = image.info.get(key)  # PNG text
    return str(value) if isinstance(value, str) else None


def _title(
    image: Image.Image, main: Tags, properties: Mapping[str, list[str]], records: Mapping[int, list[str]]
) -> str | None:
    return _first(
        (
            *properties.get(f"{xmp.DC}title", ())[:1],
            *records.get(iptc.OBJECT_NAME, ())[:1],
            _windows_text(main.get(0x9C9B)),
            *properties.get(f"{xmp.PHOTOSHOP}Headline", ())[:1],
            *records.get(iptc.HEADLINE, ())[:1],
            _embedded(image, "Title"),
        ),
        MAX_TITLE_CHARS,
    )


def _description(
    image: Image.Image,
    main: Tags,
    detail: Tags,
    properties: Mapping[str, list[str]],
    records: Mapping[int, list[str]],
) -> str | None:
    return _first(
        (
            *properties.get(f"{xmp.DC}description", ())[:1],
            *records.get(iptc.CAPTION, ())[:1],
            _text(main.get(0x010E), MAX_DESCRIPTION_CHARS, lines=True),
            _windows_text(main.get(0x9C9C)),
            _user_comment(detail.get(0x9286)),
            _embedded(image, "Description"),
        ),
        MAX_DESCRIPTION_CHARS,
        lines=True,
    )


def _user_comment(value: object) -> str | None:
    """Only where it names its character set: cameras leave anything in this field."""
    if not isinstance(value, bytes):
        return None
    if value.startswith(b"ASCII\0\0\0"):
        return _text(value[8:], MAX_DESCRIPTION_CHARS, lines=True)
    if value.startswith(b"UNICODE\0"):
        body = value[8:]
        little = body[:2] == b"\xff\xfe" or (body[:2] != b"\xfe\xff" and body[1:2] == b"\0")
        text = body.decode("utf-16-le" if little else "utf-16-be", "ignore").lstrip("\ufeff").split("\0", 1)[0]
        return _clean(text, MAX_DESCRIPTION_CHARS, lines=True)
    return None


def _keywords(main: Tags, properties: Mapping[str, list[str]], records: Mapping[int, list[str]]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    windows = _windows_text(main.get(0x9C9E)).split(";")
    for text in (*properties.get(f"{xmp.DC}subject", ()), *records.get(iptc.KEYWORDS, ()), *windows):
        cleaned = _clean(text, MAX_KEYWORD_CHARS)
        if cleaned and len(found) < MAX_KEYWORDS:
            found.setdefault(cleaned.casefold(), cleaned)
    return tuple(found.values())


def _rating(main: Tags, properties: Mapping[str, list[str]]) -> int | None:
    """-1 (rejected) to 5; anything else says nothing. A half star counts down."""
    for value in (*properties.get(f"{xmp.XMP}Rating", ())[:1], main.get(0x4746)):
        number = _number(value)
        if number is not None and -1 <= number <= 5:
            return math.floor(number)
    return None


# Camera


def _camera(make: str | None, model: str | None) -> str | None:
    """Maker and model, the maker said once: "Canon" and "Canon EOS R5" are "Canon EOS R5"."""
    if not make or not model:
        return model or make
    return model if model.lower().startswith(make.split()[0].lower()) else f"{make} {model}"


def _lens(detail: Tags, properties: Mapping[str, list[str]]) -> str | None:
    named = _text(detail.get(0xA434))
    if named:
        return named
    for key in (f"{xmp.AUX}Lens", f"{xmp.EXIF_EX}LensModel"):
        for text in properties.get(key, ())[:1]:
            if (cleaned := _clean(text, _MAX_NAME_CHARS)) is not None:
                return cleaned
    return _lens_range(detail.get(0xA432))


def _lens_range(value: object) -> str | None:
    """``24-70 mm f/2.8`` from the four numbers of LensSpecification."""
    if not isinstance(value, tuple) or len(value) != 4:
        return None
    short, long_, wide_open, _ = (_positive(v) for v in value)
    if short is None:
        return None
    reach = f"{short:g}" if long_ in (None, short) else f"{short:g}-{long_:g}"
    return f"{reach} mm f/{wide_open:g}" if wide_open else f"{reach} mm"


def _number(value: object) -> float | None:
    """A finite number, from a number, a rational, a numeric text, or the first of several."""
    if isinstance(value, tuple | list) and value:
        value = value[0]
    if isinstance(value, bytes):
        value = value.decode("latin-1").strip("\0 ")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: object) -> float | None:
    number = _number(value)
    return round(number, 6) if number is not None and 0 < number < 1e6 else None


def _exposure(detail: Tags) -> float | None:
    number = _number(detail.get(0x829A))
    if number is None:
        apex = _number(detail.get(0x9201))
        number = 2.0**-apex if apex is not None and abs(apex) < 30 else None
    return number if number is not None and 0 < number < 1e6 else None


def _iso(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 1 <= number < 1e8 else None


# Time

_MOMENT = re.compile(
    r"\s*(\d{4})(?:[:\-/.](\d{1,2})(?:[:\-/.](\d{1,2})"
    r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*(Z|[+-]\d{2}:?\d{2})?)?)?)?"
)


def _taken(
    main: Tags, detail: Tags, properties: Mapping[str, list[str]], records: Mapping[int, list[str]]
) -> tuple[str | None, str | None, str | None]:
    """Local time, offset, and where they come from. The first that is a real date wins."""
    xmp_dates = [
        text
        for key in (
            f"{xmp.EXIF}DateTimeOriginal",
            f"{xmp.PHOTOSHOP}DateCreated",
            f"{xmp.EXIF}DateTimeDigitized",
            f"{xmp.XMP}CreateDate",
        )
        for text in properties.get(key, ())[:1]
    ]
    candidates = (
        ("exif", _exif_moment(detail, 0x9003, 0x9291, 0x9011)),
        ("exif-digitized", _exif_moment(detail, 0x9004, 0x9292, 0x9012)),
        *(("xmp", _moment(text)) for text in xmp_dates),
        ("iptc", _iptc_moment(records)),
        ("exif-modified", _exif_moment(main, 0x0132, 0x9290, 0x9010, others=detail)),
    )
    best: tuple[str | None, str | None, str | None] = (None, None, None)
    for source, (taken, offset) in candidates:
        if best[0] is None and taken:
            best = (taken, offset, source)
            if not taken.endswith(_MIDNIGHT):
                break
        elif taken and best[0] and taken[:10] == best[0][:10] and not taken.endswith(_MIDNIGHT):
            return taken, offset, source  # the same day, with its hour
    return best


def _exif_moment(
    tags: Tags, date: int, fraction: int, offset: int, *, others: Tags | None = None
) -> tuple[str | None, str | None]:
    text = _text(tags.get(date))
    if not text or ":" not in text[11:]:  # EXIF always states the hour; a date alone is a damaged field
        return None, None
    taken, stated = _moment(text)
    if taken is None:
        return None, None
    rest = others if others is not None else tags
    digits = _text(rest.get(fraction)) or ""
    if digits.isascii() and digits.isdigit() and "." not in taken:
        taken = f"{taken}.{digits[:6]}"
    return taken, _offset(_text(rest.get(offset))) or stated


def _iptc_moment(records: Mapping[int, list[str]]) -> tuple[str | None, str | None]:
    for date in records.get(iptc.DATE_CREATED, ())[:1]:
        day = re.match(r"(\d{4})-?(\d{2})-?(\d{2})", date)
        if not day:
            continue
        for time in records.get(iptc.TIME_CREATED, ())[:1]:
            hour = re.match(r"(\d{2}):?(\d{2}):?(\d{2})\s*([+-]\d{2}:?\d{2})?", time)
            if hour:
                stated = f"{'-'.join(day.groups())}T{':'.join(hour.groups()[:3])}{hour[4] or ''}"
                if (found := _moment(stated))[0]:
                    return found
        return _moment("-".join(day.groups()))
    return None, None


def _moment(text: str) -> tuple[str | None, str | None]:
    """A date as EXIF, XMP or ISO 8601 write it, to local ISO time and offset.

    A day, month or year alone means its first moment: better found in the right year than not at all. A leap second
    becomes the second before it, for calendars in programs know none.
    """
    match = _MOMENT.match(text[:60])
    if not match:
        return None, None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    seconds = min(int(second or 0), 59) if (second or "0") == "60" else int(second or 0)
    try:
        moment = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), seconds)
    except ValueError:
        return None, None
    if moment.year < _FIRST_PHOTOGRAPH:
        return None, None
    taken = moment.isoformat() + (f".{fraction[:6]}" if fraction else "")
    return taken, _offset(offset)


def _offset(text: str | None) -> str | None:
    if not text:
        return None
    if text == "Z":
        return "+00:00"
    match = re.fullmatch(r"([+-])(\d{2}):?(\d{2})", text.strip())
    if not match or int(match[2]) > 14 or int(match[3]) > 59:
        return None
    return f"{match[1]}{match[2]}:{match[3]}"


# Place


def _position(gps: Tags, properties: Mapping[str, list[str]]) -> tuple[float | None, float | None]:
    """Degrees, south and west negative; both or neither.

    (0, 0) counts as none: cameras without a fix and programs that strip places write it, and the nearest photo anyone
    took on purpose at that spot of open ocean is rarer than either.
    """
    found = (
        _degrees(gps.get(2), _text(gps.get(1)), "NS", 90),
        _degrees(gps.get(4), _text(gps.get(3)), "EW", 180),
    )
    if None in found:
        found = (
            _xmp_degrees(properties.get(f"{xmp.EXIF}GPSLatitude"), "NS", 90),
            _xmp_degrees(properties.get(f"{xmp.EXIF}GPSLongitude"), "EW", 180),
        )
    latitude, longitude = found
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return None, None
    return latitude, longitude


def _degrees(parts: object, side: str | None, sides: str, limit: int) -> float | None:
    """From one to three numbers: degrees, minutes, seconds. Without a valid letter the hemisphere is unknown: none."""
    letter = (side or "")[:1].upper()
    if isinstance(parts, int | float) or not isinstance(parts, Iterable):
        parts = (parts,)
    if not letter or letter not in sides or isinstance(parts, str | bytes):
        return None
    total = 0.0
    values = list(parts)[:3]
    for value, share in zip(values, (1, 60, 3600), strict=False):
        number = _number(value)
        if number is None or number < 0:
            return None
        total += number / share
    if not values or total > limit:
        return None
    return round(-total if letter == sides[1] else total, 7)


def _xmp_degrees(texts: list[str] | None, sides: str, limit: int) -> float | None:
    """``48,51.4936N`` or ``48,51,29N``."""
    match = re.fullmatch(r"\s*([\d.]+)(?:,([\d.]+))?(?:,([\d.]+))?\s*([NSEWnsew])\s*", (texts or [""])[0][:60])
    return _degrees(tuple(g for g in match.groups()[:3] if g), match[4], sides, limit) if match else None
