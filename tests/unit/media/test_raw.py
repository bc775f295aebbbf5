"""Cameras' raw files: the preview inside or a development, upright once, with the facts of the raw file."""

from __future__ import annotations

import struct
import sys

import pytest
from PIL import Image

from photosearch.errors import PhotoError, ProblemCode
from photosearch.media import plugins
from photosearch.media.decode import Decoded, decode
from photosearch.media.formats import RAW, is_picture_name, raw_stem
from photosearch.media.raw_exif import read_raw_exif
from tests.raw_files import corners, dng, jpeg

RED, GREEN, BLUE, YELLOW = (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)
LYING = {
    1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270,
}  # fmt: skip


def decoded(data: bytes, *, name: str = "photo.dng", min_side_px: int = 64, max_megapixels: int = 250) -> Decoded:
    return decode(data, name=name, min_side_px=min_side_px, max_megapixels=max_megapixels)


def lying(orientation: int, **size: int) -> Image.Image:
    """The corners as they lie on the sensor of a camera that was held so."""
    turn = LYING[orientation]
    return corners(**size) if turn is None else corners(**size).transpose(turn)


def grey(image: Image.Image) -> Image.Image:
    """The same picture, told apart from what development makes of it: one half as bright."""
    return image.point(lambda v: v // 2)


def seen(image: Image.Image) -> list[tuple[int, ...]]:
    w, h = image.size
    places = ((4, 4), (w - 5, 4), (4, h - 5), (w - 5, h - 5))
    return [tuple(int(v > max(image.getpixel(place)) / 2) for v in image.getpixel(place)) for place in places]


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("kind", ["colour filter", "linear"])
def test_a_raw_file_without_preview_is_developed_and_turned_upright_once(kind: str, orientation: int) -> None:
    result = decoded(dng(lying(orientation), orientation=orientation, linear=kind == "linear"))
    assert (result.facts.format, result.facts.width, result.facts.height) == ("RAW", 192, 128)
    assert seen(result.image) == [RED, GREEN, BLUE, YELLOW]
    assert result.image.mode == "RGB"
    assert (result.image.width > result.image.height) and min(result.image.size) >= 64


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("tag", ["says so itself", "says nothing", "is upright already", "is upright, but says not"])
def test_a_preview_is_turned_upright_once_whoever_says_how_it_lies(orientation: int, tag: str) -> None:
    if tag.startswith("is upright") and orientation == 3:
        pytest.skip("a picture on its head has the shape of an upright one: then what is said counts")
    exif = Image.Exif()
    if tag in ("says so itself", "is upright, but says not"):
        exif[0x0112] = orientation
    upright_already = tag.startswith("is upright")
    inside = grey(corners() if upright_already else lying(orientation))
    result = decoded(dng(lying(orientation), orientation=orientation, preview=jpeg(inside, exif=exif)))
    assert (result.facts.width, result.facts.height) == (192, 128)
    assert seen(result.image) == [RED, GREEN, BLUE, YELLOW]
    assert max(result.image.getpixel((4, 4))) < 130, "the preview was not used"


def test_a_preview_that_is_too_small_or_broken_gives_way_to_development() -> None:
    scene = corners(768, 512)
    small = jpeg(grey(corners(96, 64)))
    good = jpeg(grey(corners(384, 256)))
    assert max(decoded(dng(scene, preview=small), min_side_px=128).image.getpixel((4, 4))) > 180
    assert max(decoded(dng(scene, preview=good[: len(good) * 2 // 3]), min_side_px=128).image.getpixel((4, 4))) > 180
    assert max(decoded(dng(scene, preview=good), min_side_px=128).image.getpixel((4, 4))) < 130
    large = decoded(dng(scene, preview=good), min_side_px=2000)
    assert max(large.image.getpixel((4, 4))) < 130, "a quarter of the sensor is enough for looking at"


def test_the_size_is_that_of_the_sensor_and_follows_the_shape_the_user_chose() -> None:
    whole = decoded(dng(corners(768, 512), preview=jpeg(corners(384, 256))))
    assert (whole.facts.width, whole.facts.height) == (768, 512)
    wide = decoded(dng(corners(768, 512), preview=jpeg(corners(384, 216))))
    assert (wide.facts.width, wide.facts.height) == (768, 432)


def test_the_facts_are_those_of_the_raw_file_and_what_it_lacks_is_the_previews() -> None:
    exif = Image.Exif()
    exif[0x0132], exif[0x010F], exif[0x010E] = "2001:01:01 01:01:01", "Else", "Seen in the preview"
    facts = decoded(dng(corners(), preview=jpeg(corners(), exif=exif))).facts
    assert (facts.taken, facts.taken_source, facts.camera) == ("2019-05-04T03:02:01", "exif-modified", "Made Here One")
    assert facts.description == "Seen in the preview"


def test_a_date_that_is_none_is_left_out() -> None:
    facts = decoded(dng(corners(), preview=jpeg(corners()), taken="0000:00:00 00:00:00")).facts
    assert facts.taken is None


def test_canons_and_panasonics_exif_is_found_where_they_keep_it() -> None:
    def tiff(tag: int, text: bytes, mark: bytes = b"II*\0") -> bytes:
        return mark + struct.pack("<IHHHIII", 8, 1, tag, 2, len(text), 26, 0) + text

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", 8 + len(body)) + kind + body

    canon = box(b"ftyp", b"crx \0\0\0\1crx isom") + box(
        b"moov", box(b"CMT1", tiff(0x0110, b"EOS R6\0")) + box(b"CMT2", tiff(0x9003, b"2020:02:03 04:05:06\0"))
    )
    exif = read_raw_exif(canon)
    assert exif is not None
    assert exif[0x0110] == "EOS R6" and exif.get_ifd(0x8769)[0x9003] == "2020:02:03 04:05:06"
    panasonic = read_raw_exif(tiff(0x0110, b"DMC-LX3\0", b"IIU\0"))
    assert panasonic is not None and panasonic[0x0110] == "DMC-LX3"
    assert read_raw_exif(b"FUJIFILMCCD-RAW 0201") is None
    assert read_raw_exif(b"II*\0\xff\xff\xff\xff") is None or not read_raw_exif(b"II*\0\xff\xff\xff\xff")


def refused(data: bytes, **options: object) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        decoded(data, **options)  # type: ignore[arg-type]
    assert caught.value.reason.endswith(".") and "\n" not in caught.value.reason
    return caught.value


def test_a_raw_file_that_is_cut_short_is_damaged() -> None:
    file = dng(corners())
    error = refused(file[: len(file) * 6 // 10])
    assert error.code is ProblemCode.DAMAGED
    assert "ends too early" in error.reason


def test_an_unknown_camera_is_told_apart_from_damage_that_is_certain() -> None:
    error = refused(b"II*\0\x08\0\0\0" + bytes(400), name="a.arw")
    assert error.code is ProblemCode.NO_CODEC
    assert "does not know" in error.reason


def test_a_raw_file_with_more_pixels_than_allowed_is_refused_before_it_is_developed() -> None:
    assert refused(dng(corners(2000, 1000)), max_megapixels=1).code is ProblemCode.TOO_LARGE


def test_a_development_that_would_take_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photosearch.media.raw.MEMORY_BUDGET_BYTES", 1_000_000)
    assert decoded(dng(corners(400, 300))).image.size == (100, 75)
    assert refused(dng(corners(400, 300), linear=True)).code is ProblemCode.TOO_LARGE
    assert refused(dng(corners(800, 600))).code is ProblemCode.TOO_LARGE


def test_without_rawpy_a_raw_file_has_no_decoder_and_all_else_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    monkeypatch.setattr(plugins, "_loaded", plugins._loaded.__wrapped__)
    error = refused(dng(corners()))
    assert error.code is ProblemCode.NO_CODEC
    assert "rawpy" in error.reason
    assert decoded(jpeg(corners()), name="a.jpg").facts.format == "JPEG"


def test_a_jpeg_that_calls_itself_raw_is_a_jpeg_and_a_raw_file_that_calls_itself_jpeg_is_raw() -> None:
    assert decoded(jpeg(corners()), name="a.nef").facts.format == "JPEG"
    error = refused(b"FUJIFILMCCD-RAW 0201FF383501" + bytes(400), name="a.jpg")
    assert "raw" in error.reason


@pytest.mark.parametrize("ending", RAW.extensions)
def test_every_ending_of_raw_files_is_a_picture_and_knows_its_stem(ending: str) -> None:
    assert is_picture_name(f"IMG_1.{ending.upper()}")
    assert raw_stem(b"a.b/\xff." + ending.upper().encode()) == b"a.b/\xff."


@pytest.mark.parametrize("name", [b"a.jpg", b"cr2", b".cr2", b"a.cr2.xmp", b"a.cr2/b", b""])
def test_other_names_have_no_stem(name: bytes) -> None:
    assert raw_stem(name) is None
