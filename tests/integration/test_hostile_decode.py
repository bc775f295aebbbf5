"""Every hostile and unusual file of the test material, decoded as the program does it: in a worker with limits.

Each row of the material's tables says what must become of a file: ``ok`` is decoded with that upright size, ``problem``
is refused with a reason, ``either`` may be either. Nothing may end the worker, pass its memory, or hang.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pebble import ProcessPool

from photosearch.errors import PhotoError, ProblemCode
from photosearch.media.decode import decode
from photosearch.media.formats import is_picture_name
from photosearch.media.thumbnails import THUMBNAIL_PX, thumbnail
from photosearch.records import PhotoFacts

MEMORY_LIMIT_BYTES = 2 << 30
TIME_LIMIT_S = 20
FOLDERS = ("bombs", "broken", "formats", "metadata", "orientation", "raw")
CORNERS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0)}

# Dates and places that we read otherwise, on purpose: see `facts.py`.
FACTS_WE_JUDGE_OTHERWISE = {
    "date_leap_second.jpg": "taken",
    "date_year_0001.jpg": "taken",
    "exifsamples-33-type_error.jpg": "taken",  # a fraction of "0" is kept
    "avif-colors-animated-8bpc-depth-exif-xmp.avif": "lat",  # 0, 0: the place was stripped
    "avif-paris_icc_exif_xmp.avif": "lat",
    "avif-paris_icc_exif_xmp_at_end.png": "lat",
    "gps_zero_island.jpg": "lat",
}

Row = dict[str, str]
Outcome = tuple[PhotoFacts, tuple[int, int], dict[str, tuple[int, int, int]]] | PhotoError


def rows(shared: Path, folder: str) -> list[Row]:
    with (shared / "hostile" / folder / "INDEX.tsv").open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))


def limit_worker() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff and libpng write their complaints there
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))


def read(path: Path) -> Outcome:
    try:
        result = decode(path.read_bytes(), name=path.name, min_side_px=448, max_megapixels=250)
    except PhotoError as error:
        return error
    image = result.image
    if image.mode != "RGB" or not 0 < len(thumbnail(image)) < 4 * THUMBNAIL_PX**2:
        raise AssertionError(f"{path.name}: mode {image.mode}")
    w, h = image.size
    places = {"red": (4, 4), "green": (w - 5, 4), "blue": (4, h - 5), "yellow": (w - 5, h - 5)}
    corners = {} if min(w, h) < 16 else {colour: image.getpixel(place) for colour, place in places.items()}
    return result.facts, image.size, corners


@pytest.fixture(scope="module")
def outcomes(shared: Path) -> Iterator[dict[str, tuple[Row, Outcome | BaseException]]]:
    """What became of every file of a format we claim, by folder/name. A worker that died or hung is an exception."""
    found: dict[str, tuple[Row, Outcome | BaseException]] = {}
    with ProcessPool(max_workers=1, initializer=limit_worker, context=multiprocessing.get_context("spawn")) as pool:
        waiting = [
            (f"{folder}/{row['file']}", row, pool.schedule(read, args=[path], timeout=TIME_LIMIT_S))
            for folder in FOLDERS
            for row in rows(shared, folder)
            if is_picture_name(row["file"]) and (path := shared / "hostile" / folder / row["file"]).is_file()
        ]
        for name, row, future in waiting:
            outcome = future.exception() or future.result()
            found[name] = (row, outcome)
    return found


def test_no_row_of_the_tables_is_left_out(shared: Path, outcomes: dict[str, tuple[Row, object]]) -> None:
    """A row whose file nobody takes for a picture needs no outcome, but then it must not be one that has to be read."""
    left = {}
    for table in sorted((shared / "hostile").glob("*/INDEX.tsv")):
        for row in rows(shared, table.parent.name):
            name = f"{table.parent.name}/{row['file']}"
            if name not in outcomes and (is_picture_name(row["file"]) or row["expect"] == "ok"):
                left[name] = row["expect"]
    assert left == {}


def test_no_file_ends_a_worker_or_keeps_it_for_long(outcomes: dict[str, tuple[Row, object]]) -> None:
    assert len(outcomes) > 1_000
    lost = {
        name: repr(outcome)
        for name, (_, outcome) in outcomes.items()
        if isinstance(outcome, BaseException) and not isinstance(outcome, PhotoError)
    }
    assert lost == {}


def test_every_good_file_of_a_claimed_format_is_decoded_with_its_upright_size(
    outcomes: dict[str, tuple[Row, Outcome]],
) -> None:
    wrong = {}
    for name, (row, outcome) in outcomes.items():
        if row["expect"] == "ok":
            size = None if isinstance(outcome, BaseException) else (outcome[0].width, outcome[0].height)
            if size != (int(row["width"]), int(row["height"])):
                wrong[name] = size or repr(outcome)
    assert wrong == {}


def test_every_bad_file_is_refused_with_one_sentence(outcomes: dict[str, tuple[Row, Outcome]]) -> None:
    wrong = {}
    for name, (row, outcome) in outcomes.items():
        if isinstance(outcome, PhotoError):
            sentence = outcome.reason
            if not sentence.endswith(".") or "\n" in sentence or "Error" in sentence or row["file"] in sentence:
                wrong[name] = sentence
        elif row["expect"] == "problem":
            wrong[name] = "was decoded"
    assert wrong == {}


def test_the_corners_of_the_made_orientation_files_are_where_they_belong(
    outcomes: dict[str, tuple[Row, Outcome]],
) -> None:
    wrong, checked = {}, 0
    for name, (row, outcome) in outcomes.items():
        if not (name.startswith("orientation/made_") and "upright corners" in row["note"]):
            continue
        if isinstance(outcome, BaseException):
            continue  # the sizes test speaks of those
        if row["height"] == "96":
            continue  # states no orientation: the drawing lies, and every program shows it so
        seen = {corner: tuple(int(v > 128) for v in colour) for corner, colour in outcome[2].items()}
        checked += 1
        if seen != CORNERS:
            wrong[name] = outcome[2]
    assert checked > 50
    assert wrong == {}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("bombs/jpeg_progressive_3000_scans.jpg", ProblemCode.TOO_SLOW),
        ("bombs/webp_16383x16383.webp", ProblemCode.TOO_LARGE),
        ("bombs/tiff_100000x100000_shared_tile.tif", ProblemCode.TOO_LARGE),
        ("broken/empty.jpg", ProblemCode.EMPTY),
        ("broken/zeros.jpg", ProblemCode.DAMAGED),
        ("broken/elf_named.jpg", ProblemCode.NOT_A_PICTURE),
        ("broken/text_named.heic", ProblemCode.NOT_A_PICTURE),
        ("formats/heiffuzz-avc32.heif", ProblemCode.NO_CODEC),
        ("raw/made_truncated_60.dng", ProblemCode.DAMAGED),
        ("raw/made_header_only.nef", ProblemCode.NO_CODEC),
    ],
)
def test_the_reason_fits_the_file(outcomes: dict[str, tuple[Row, Outcome]], name: str, code: ProblemCode) -> None:
    outcome = outcomes[name][1]
    assert isinstance(outcome, PhotoError)
    assert outcome.code is code


def expected_facts(row: Row) -> dict[str, str]:
    _, _, stated = row["note"].partition(" || ")
    pairs = (part.partition("=") for part in re.split(r"(?<!\\); ", stated) if part)
    return {key: value for key, _, value in pairs}


def plain(value: str) -> str:
    """A value as the tables write it, without its escapes, white space evened out."""

    def one(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) == 5 else {"n": "\n", "t": "\t"}.get(code, code)

    return " ".join(re.sub(r"\\(u[0-9a-fA-F]{4}|.)", one, value).split())


def differences(facts: PhotoFacts, expected: dict[str, str]) -> Iterator[tuple[str, object, object]]:
    if expected.get("taken", "none") != "none":
        taken = f"{facts.taken}{facts.taken_offset or ''}"
        if taken != expected["taken"] or facts.taken_source != "exif":
            yield "taken", taken, expected["taken"]
    elif facts.taken_source == "exif" and "raw_taken" not in expected:
        yield "taken", facts.taken, None
    if expected.get("lat", "none") != "none" and not ("lat_may_be_none" in expected and facts.latitude is None):
        place = (facts.latitude, facts.longitude)
        stated = (float(expected["lat"]), float(expected["lon"]))
        if None in place or max(abs(a - b) for a, b in zip(place, stated, strict=True)) > 2e-6:  # type: ignore[operator]
            yield "lat", place, stated
    elif expected.get("lat") == "none" and facts.latitude is not None and "xmp_lat" not in expected:
        yield "lat", facts.latitude, None
    for key in ("lens", "title", "description"):
        if key in expected:
            start, cut, _ = plain(expected[key]).partition("…")
            seen = " ".join((getattr(facts, key) or "").split())
            if not (seen.startswith(start[:1_500]) if cut else seen == start):
                yield key, seen, start
    if "camera" in expected and not plain(expected["camera"]).endswith(facts.camera or "nothing"):
        yield "camera", facts.camera, expected["camera"]
    keywords = {
        plain(word)
        for key in ("keywords", "xmp_keywords", "iptc_keywords")
        for word in re.split(r"(?<!\\)\|", expected.get(key, ""))
        if word
    }
    if keywords - set(facts.keywords):
        yield "keywords", facts.keywords, keywords
    if "keyword_count" in expected and facts.keywords[:1] != (expected["first_keyword"],):
        yield "keywords", facts.keywords[:1], expected["first_keyword"]
    if -1 <= (stars := float(expected.get("rating", "99"))) <= 5 and facts.rating != int(stars):
        yield "rating", facts.rating, stars


def test_the_facts_of_the_metadata_files_are_read(outcomes: dict[str, tuple[Row, Outcome]]) -> None:
    wrong, checked = {}, 0
    for name, (row, outcome) in outcomes.items():
        if not name.startswith("metadata/") or isinstance(outcome, BaseException):
            continue
        checked += 1
        skipped = FACTS_WE_JUDGE_OTHERWISE.get(row["file"])
        found = [d for d in differences(outcome[0], expected_facts(row)) if d[0] != skipped]
        if found:
            wrong[row["file"]] = found
    assert checked > 150
    assert wrong == {}


def test_entity_bombs_make_no_keywords(outcomes: dict[str, tuple[Row, Outcome]]) -> None:
    outcome = outcomes["bombs/jpeg_xmp_billion_laughs.jpg"][1]
    assert not isinstance(outcome, BaseException)
    assert outcome[0].keywords == ()
