"""What pictures say of themselves, and how little a broken statement may cost."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational as Rational

from photosearch.media.decode import decode
from photosearch.media.facts import MAX_DESCRIPTION_CHARS, MAX_KEYWORD_CHARS, MAX_KEYWORDS
from photosearch.media.iptc import parse_iptc
from photosearch.media.xmp import DC, XMP, parse_xmp
from photosearch.records import PhotoFacts

RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
NAMES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    ' xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
)


def packet(body: str, attributes: str = "") -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}><rdf:Description rdf:about="" {NAMES} {attributes}>'
        f"{body}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def bag(name: str, *texts: str) -> str:
    return f"<{name}><rdf:Bag>{''.join(f'<rdf:li>{t}</rdf:li>' for t in texts)}</rdf:Bag></{name}>"


def iptc(*fields: tuple[int, int, bytes]) -> bytes:
    return b"".join(bytes((0x1C, r, d)) + struct.pack(">H", len(v)) + v for r, d, v in fields)


def facts(
    *,
    main: dict[int, object] | None = None,
    detail: dict[int, object] | None = None,
    gps: dict[int, object] | None = None,
    xmp: bytes | None = None,
    records: bytes | None = None,
) -> PhotoFacts:
    """The facts of a real JPEG that holds just this."""
    exif = Image.Exif()
    for tag, value in (main or {}).items():
        exif[tag] = value
    for ifd, values in ((0x8769, detail), (0x8825, gps)):
        if values:
            exif.get_ifd(ifd).update(values)
    out = io.BytesIO()
    options = {"xmp": xmp} if xmp else {}
    Image.new("RGB", (16, 16)).save(out, "JPEG", exif=exif, **options)
    file = out.getvalue()
    if records is not None:
        block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records + b"\0" * (len(records) % 2)
        segment = b"Photoshop 3.0\0" + block
        file = file[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + file[2:]
    return decode(file, name="a.jpg", min_side_px=16, max_megapixels=1).facts


def test_a_camera_photo_tells_everything(data: Path) -> None:
    file = (data / "rotated_6_dated_placed.jpg").read_bytes()
    assert decode(file, name="a.jpg", min_side_px=64, max_megapixels=1).facts == PhotoFacts(
        format="JPEG",
        width=96,
        height=64,
        taken="2014-03-02T01:00:00.123",
        taken_offset="+02:00",
        taken_source="exif",
        camera="Canon EOS R5",
        lens="RF24-105mm F4 L IS USM",
        exposure_seconds=0.004,
        f_number=5.6,
        iso=400,
        focal_length_mm=35.0,
        latitude=-33.8567839,
        longitude=151.2152156,
        title="Kites",
        description="Kites over the harbour",
        keywords=("kite", "港"),
        rating=4,
    )


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("NIKON CORPORATION", "NIKON D850", "NIKON D850"),
        ("SONY", "DSC-F828", "SONY DSC-F828"),
        ("OLYMPUS IMAGING CORP.  ", "u760,S760    ", "OLYMPUS IMAGING CORP. u760,S760"),
        ("ACME\0\0junk", "X1\0", "ACME X1"),
        ("", "X1", "X1"),
        ("ACME", "", "ACME"),
        ("   ", " ", None),
    ],
)
def test_the_maker_is_said_once(make: str, model: str, camera: str | None) -> None:
    assert facts(main={0x010F: make, 0x0110: model}).camera == camera


@pytest.mark.parametrize(
    ("stated", "taken"),
    [
        ("2019:07:04 12:33:05", "2019-07-04T12:33:05"),
        ("2019-07-04T12:33:05", "2019-07-04T12:33:05"),
        ("2016:12:31 23:59:60", "2016-12-31T23:59:59"),
        ("2019:13:45 25:61:61", None),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("2019:07:04", None),
        ("yesterday afternoon", None),
        ("0001:01:01 00:00:00", None),
        ("", None),
    ],
)
def test_only_a_real_date_is_one(stated: str, taken: str | None) -> None:
    assert facts(detail={0x9003: stated}).taken == taken


def test_dates_fall_back_in_order_and_say_where_they_come_from() -> None:
    everything = {
        "main": {0x0132: "2015:01:01 01:01:01"},
        "detail": {0x9003: "2011:01:01 01:01:01", 0x9004: "2012:01:01 01:01:01"},
        "xmp": packet("", 'xmp:CreateDate="2013-01-01T01:01:01Z"'),
        "records": iptc((2, 55, b"20140101"), (2, 60, b"010101+0100")),
    }
    steps = []
    for gone in (None, (0x9003,), (0x9004,), "xmp", "records", "main"):
        if isinstance(gone, tuple):
            everything["detail"] = {k: v for k, v in everything.get("detail", {}).items() if k not in gone}
        elif gone:
            del everything[gone]
        found = facts(**everything)  # type: ignore[arg-type]
        steps.append((found.taken and found.taken[:4], found.taken_offset, found.taken_source))
    assert steps == [
        ("2011", None, "exif"),
        ("2012", None, "exif-digitized"),
        ("2013", "+00:00", "xmp"),
        ("2014", "+01:00", "iptc"),
        ("2015", None, "exif-modified"),
        (None, None, None),
    ]


def test_a_year_alone_is_better_than_no_date() -> None:
    assert facts(xmp=packet("", 'photoshop:DateCreated="1974"')).taken == "1974-01-01T00:00:00"


def test_of_two_statements_of_one_day_the_one_with_the_hour_wins() -> None:
    found = facts(
        xmp=packet("", 'photoshop:DateCreated="2006-10-29"'),
        records=iptc((2, 55, b"20061029"), (2, 60, b"062751-0500")),
    )
    assert (found.taken, found.taken_offset, found.taken_source) == ("2006-10-29T06:27:51", "-05:00", "iptc")


@pytest.mark.parametrize(
    ("offset", "fraction", "expected"),
    [("+02:00", "5", (".5", "+02:00")), ("-0800", "", ("", "-08:00")), ("Z", "12x", ("", "+00:00")),
     ("+99:00", "   ", ("", None)), ("   :  ", "0123456789", (".012345", None))],
)  # fmt: skip
def test_offsets_and_fractions_count_where_they_are_real(
    offset: str, fraction: str, expected: tuple[str, str | None]
) -> None:
    found = facts(detail={0x9003: "2019:07:04 12:33:05", 0x9011: offset, 0x9291: fraction})
    assert found.taken is not None
    assert (found.taken[19:], found.taken_offset) == expected


def degrees(d: float, m: float = 0, s: float = 0) -> tuple[Rational, ...]:
    return tuple(Rational(round(v * 1000), 1000) for v in (d, m, s))


@pytest.mark.parametrize(
    ("gps", "expected"),
    [
        ({1: "N", 2: degrees(48, 51.5), 3: "W", 4: degrees(2, 17, 40.2)}, (48.8583333, -2.2945)),
        ({1: "S", 2: degrees(90), 3: "E", 4: degrees(180)}, (-90.0, 180.0)),
        ({1: "N", 2: degrees(0), 3: "E", 4: degrees(0)}, (None, None)),
        ({1: "N", 2: degrees(91), 3: "E", 4: degrees(2)}, (None, None)),
        ({1: "N", 2: degrees(48), 3: "E", 4: degrees(181)}, (None, None)),
        ({2: degrees(48), 4: degrees(2)}, (None, None)),
        ({1: "X", 2: degrees(48), 3: "Y", 4: degrees(2)}, (None, None)),
        ({1: "N", 2: degrees(48)}, (None, None)),
        ({1: "N", 2: (Rational(48, 0), Rational(0, 0), Rational(1)), 3: "E", 4: degrees(2)}, (None, None)),
    ],
)
def test_a_place_is_whole_and_on_earth_or_none(
    gps: dict[int, object], expected: tuple[float | None, float | None]
) -> None:
    found = facts(gps=gps)
    assert (found.latitude, found.longitude) == expected


def test_a_place_stated_in_xmp_only_counts() -> None:
    found = facts(xmp=packet("", 'exif:GPSLatitude="54,48.0S" exif:GPSLongitude="68,18,0W"'))
    assert (found.latitude, found.longitude) == (-54.8, -68.3)


def test_keywords_are_the_union_without_doubles() -> None:
    found = facts(
        xmp=packet(bag("dc:subject", "Harbour", "night sky")),
        records=iptc((2, 25, b"harbour"), (2, 25, "Übergröße".encode()), (2, 25, b"caf\xe9")),
    )
    assert found.keywords == ("Harbour", "night sky", "Übergröße", "café")


def test_words_are_bounded_and_hold_no_control_characters() -> None:
    found = facts(
        main={0x010E: "line\x07 one\r\nline two\x1b[31m" + "x" * 30_000},
        records=iptc(*((2, 25, b"word%d" % i) for i in range(1_500)), (2, 5, b"a\0b\x01\tc")),
    )
    assert found.description is not None and len(found.description) == MAX_DESCRIPTION_CHARS
    assert found.description.startswith("line one\nline two[31mx")
    assert len(found.keywords) == MAX_KEYWORDS
    assert found.title == "ab c"
    assert len(facts(xmp=packet(bag("dc:subject", "k" * 5_000))).keywords[0]) == MAX_KEYWORD_CHARS


def test_what_cameras_write_into_every_file_is_no_description() -> None:
    assert facts(main={0x010E: "OLYMPUS DIGITAL CAMERA         "}).description is None


def test_windows_titles_and_keywords_are_read() -> None:
    found = facts(main={0x9C9B: "Täglich 旅行\0".encode("utf-16-le"), 0x9C9E: "eins;zwei\0".encode("utf-16-le")})
    assert (found.title, found.keywords) == ("Täglich 旅行", ("eins", "zwei"))


@pytest.mark.parametrize(
    ("stated", "rating"), [("5", 5), ("0", 0), ("-1", -1), ("3.5", 3), ("1.0", 1), ("99", None), ("good", None)]
)
def test_a_rating_lies_between_rejected_and_five(stated: str, rating: int | None) -> None:
    assert facts(xmp=packet("", f'xmp:Rating="{stated}"')).rating == rating


@pytest.mark.parametrize("value", [Rational(0, 0), Rational(1, 0), Rational(0, 1), "many", b"\xff\xff", float("nan")])
def test_impossible_numbers_say_nothing(value: object) -> None:
    found = facts(detail={0x9286: b"ASCII\0\0\0fine", 0x829A: value} if isinstance(value, Rational) else {0x9286: b"x"})
    assert found.exposure_seconds is None


def test_the_default_language_comes_first() -> None:
    body = (
        '<dc:title><rdf:Alt><rdf:li xml:lang="de">Titel</rdf:li><rdf:li xml:lang="x-default">Title</rdf:li>'
        "</rdf:Alt></dc:title>"
    )
    assert parse_xmp(packet(body))[f"{DC}title"] == ["Title", "Titel"]


def test_entities_are_never_unfolded() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + packet(bag("dc:subject", "&b;"))
    assert parse_xmp(bomb) == {}


def test_a_packet_nested_without_end_is_left_at_the_bound() -> None:
    body = "<dc:title>Seen</dc:title>" + "<dc:x>" * 9_000 + "</dc:x>" * 9_000
    assert parse_xmp(packet(body)) == {f"{DC}title": ["Seen"]}


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_a_packet_cut_anywhere_yields_what_came_before(cut: int) -> None:
    whole = packet(bag("dc:subject", "one", "two"), 'xmp:Rating="4"')
    found = parse_xmp(whole[:cut])
    assert found.get(f"{XMP}Rating", ["4"]) == ["4"]
    assert set(found.get(f"{DC}subject", ())) <= {"one", "two"}


def test_a_packet_in_utf_16_and_one_with_padding_are_read() -> None:
    body = packet(bag("dc:subject", "旅行"))
    assert parse_xmp(body.decode().encode("utf-16"))[f"{DC}subject"] == ["旅行"]
    assert parse_xmp(b"<?xpacket begin='' id='x'?>" + body + b" " * 2000 + b"<?xpacket end='w'?>\0\0\0")[f"{DC}subject"]


def test_iptc_stops_at_the_first_damaged_field_and_keeps_what_it_has() -> None:
    good = iptc((2, 25, b"one"))
    assert parse_iptc(good + b"\xff" * 50) == {25: ["one"]}
    assert parse_iptc(good + b"\x1c\x02\x19\xff\xff") == {25: ["one"]}
    assert parse_iptc(b"") == {}


def test_a_photo_with_nonsense_for_metadata_is_a_photo_all_the_same() -> None:
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f garbage", xmp=b"\xff<not xml")
    found = decode(out.getvalue(), name="a.jpg", min_side_px=16, max_megapixels=1).facts
    assert found == PhotoFacts(format="JPEG", width=16, height=16)
