"""The facts of a photo as lines of plain text for people. Free of Qt."""

from __future__ import annotations

from collections.abc import Iterator

from photosearch.records import Photo, PhotoFacts
from photosearch.ui.listing import day_text

_SOURCES = {
    "file": "the file's own date",
    "exif-modified": "when it was last edited",
    "exif-digitized": "when it was digitised",
}


def size_text(size: int) -> str:
    """Bytes for people: ``2.4 MB``."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit in ("bytes", "kB") else f"{amount:.1f} {unit}"
        amount /= 1000
    return ""


def taken_text(facts: PhotoFacts) -> str:
    """``2 March 2014, 01:00 (+02:00)``."""
    day = day_text(facts.taken)
    if not day or facts.taken is None:
        return ""
    clock = facts.taken[11:16]
    text = f"{day}, {clock}" if clock else day
    return f"{text} ({facts.taken_offset})" if facts.taken_offset and clock else text


def exposure_text(facts: PhotoFacts) -> str:
    """``1/250 s · f/2.8 · ISO 400 · 35 mm``."""
    parts = []
    seconds = facts.exposure_seconds
    if seconds:
        parts.append(f"1/{round(1 / seconds)} s" if seconds < 0.4 else f"{seconds:g} s")
    if facts.f_number:
        parts.append(f"f/{facts.f_number:g}")
    if facts.iso:
        parts.append(f"ISO {facts.iso}")
    if facts.focal_length_mm:
        parts.append(f"{facts.focal_length_mm:g} mm")
    return " · ".join(parts)


def place_text(facts: PhotoFacts) -> str:
    """``55.10483° N, 1.88450° W``."""
    if facts.latitude is None or facts.longitude is None:
        return ""
    north, east = "N" if facts.latitude >= 0 else "S", "E" if facts.longitude >= 0 else "W"
    return f"{abs(facts.latitude):.5f}° {north}, {abs(facts.longitude):.5f}° {east}"


def size_line(photo: Photo) -> str:
    """``4000 × 3000 · 12.0 megapixels · JPEG · 2.4 MB``."""
    facts = photo.facts
    parts = [f"{facts.width} × {facts.height}"]
    if facts.width * facts.height >= 950_000:
        parts.append(f"{facts.width * facts.height / 1e6:.0f} megapixels")
    parts.append(facts.format.upper())
    if photo.places:
        parts.append(size_text(photo.places[0].size))
    return " · ".join(parts)


def lines(photo: Photo) -> Iterator[tuple[str, str]]:
    """Label and value, in the order shown, only what is known. Text from files, so: to be shown as plain text only."""
    facts = photo.facts
    source = _SOURCES.get(facts.taken_source or "", "")
    taken = taken_text(facts)
    rows = (
        ("Title", facts.title),
        ("Description", facts.description),
        ("Taken", f"{taken}\n{source}" if taken and source else taken),
        ("Size", size_line(photo)),
        ("Camera", facts.camera),
        ("Lens", facts.lens),
        ("Exposure", exposure_text(facts)),
        ("Place", place_text(facts)),
        ("Keywords", ", ".join(facts.keywords)),
        ("Rating", "★" * facts.rating if facts.rating and facts.rating > 0 else ""),
    )
    for label, value in rows:
        if value:
            yield label, value
