"""What is taken for a picture by name, and what content turns out to be."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from photosearch.errors import ProblemCode
from photosearch.media import formats
from photosearch.media.formats import (
    FORMATS,
    SUPPORTED_EXTENSIONS,
    Format,
    Unreadable,
    format_table,
    identify,
    is_picture_name,
)


@pytest.mark.parametrize(
    "name",
    ["a.jpg", "A.JPEG", "b.JpE", "x.jfif", "three.dots.png", "a.apng", "a.webp", "a.gif", "a.TIF", "a.tiff", "a.bmp",
     "a.avif", "IMG_0001.HEIC", "a.heif", "a.hif", "a.jp2", "a.psd", "a.jxl", b"caf\xe9.jpg", "日本.jpg",
     ".hidden.jpg"],
)  # fmt: skip
def test_a_picture_is_known_by_its_extension_whatever_its_case_or_encoding(name: str | bytes) -> None:
    assert is_picture_name(name)


@pytest.mark.parametrize(
    "name",
    ["a.txt", "a.xmp", "a.jpg.xmp", "a.mov", "a.mp4", "a.pdf", "a.eps", "a.ps", "a.svg", "a.wmf",
     "jpg", ".jpg", "a.", "", "a.jpg~", "a.jpg.part", "._photo.jpg", b"._photo.jpg", "folder/._photo.jpg", "a.jpg/b"],
)  # fmt: skip
def test_everything_else_is_left_alone(name: str | bytes) -> None:
    assert not is_picture_name(name)


def test_every_extension_belongs_to_one_format_and_is_written_as_it_is_compared() -> None:
    all_ = [e for f in FORMATS for e in f.extensions]
    assert len(all_) == len(set(all_)) == len(SUPPORTED_EXTENSIONS)
    assert all(e == e.lower() and not e.startswith(".") for e in all_)


def test_the_table_names_every_format_and_says_which_cannot_be_decoded() -> None:
    table = {name: available for name, _, available in format_table()}
    assert len(table) == len(FORMATS)
    assert table["JPEG"] and table["PNG"] and table["HEIC"] and table["AVIF"] and table["RAW"]
    assert table["JPEG XL"] == (importlib.util.find_spec("pillow_jxl") is not None)


@pytest.mark.parametrize(
    ("content", "name", "code", "says"),
    [
        (b"PK\3\4" + bytes(40), "a.jpg", ProblemCode.NOT_A_PICTURE, "ZIP archive"),
        (b"\x7fELF" + bytes(40), "a.jpg", ProblemCode.NOT_A_PICTURE, "program"),
        (b"%PDF-1.7\n", "a.png", ProblemCode.NOT_A_PICTURE, "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a.jpg", ProblemCode.NOT_A_PICTURE, "PostScript"),
        (b"\n<!DOCTYPE html><html>", "a.jpg", ProblemCode.NOT_A_PICTURE, "web page"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x">', "a.png", ProblemCode.NOT_A_PICTURE, "SVG"),
        (b"just words\n", "a.heic", ProblemCode.NOT_A_PICTURE, "text file"),
        (b"\0\0\0\x18ftypmp42" + bytes(40), "a.heic", ProblemCode.NOT_A_PICTURE, "video"),
        (b"\x8f\x03random\xff\xfe\x01", "a.jpg", ProblemCode.NOT_A_PICTURE, "no known picture format"),
        (bytes(3_000_000), "a.jpg", ProblemCode.DAMAGED, "zeros"),
        (b"PK\3\4" + bytes(40), "a.raw", ProblemCode.NOT_A_PICTURE, "ZIP archive"),
        (b"\0\0\0\x18ftypavci\0\0\0\0avcimif1", "a.heif", ProblemCode.NO_CODEC, "HEIF"),
        (b"DDS |" + bytes(40), "a.png", ProblemCode.NO_CODEC, "DirectDraw"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_called_by_its_name(content: bytes, name: str, code: ProblemCode, says: str) -> None:
    found = identify(content, name=name)
    assert isinstance(found, Unreadable)
    assert found.code is code
    assert says in found.reason
    assert "\n" not in found.reason and found.reason.endswith(".")


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n", "a.jpg", formats.PNG),
        (b"\0\0\2\0" + bytes(14), "a.tga", formats.TGA),
        (b"\0\0\2\0" + bytes(14) + b"x", "a.cur", formats.CUR),
        (b"\x89PNG\r\n\x1a\n", "a.tga", formats.PNG),
        (b"\xff\x0a" + bytes(40), "a.jxl", formats.JPEG_XL),
        (b"II*\0\x10\0\0\0CR\2\0", "a.jpg", formats.RAW),
        (b"II*\0\x08\0\0\0", "a.NEF", formats.RAW),
        (b"II*\0\x08\0\0\0", "a.tif", formats.TIFF),
        (b"\xff\xd8\xff\xe0", "a.NEF", formats.JPEG),
        (b"\x89\xf3no mark", "a.raw", formats.RAW),
        (b"\0\0\0\x18ftypcrx ", "a.cr3", formats.RAW),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "a.heif", formats.AVIF),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "a.avif", formats.HEIC),
    ],
)
def test_content_decides_the_format_and_the_name_only_where_content_cannot(
    content: bytes, name: str, expected: Format
) -> None:
    assert identify(content.ljust(32, b"\1"), name=name) is expected


def test_asking_for_an_extension_loads_no_imaging_library() -> None:
    code = (
        "import sys; from photosearch.media.formats import is_picture_name; is_picture_name('a.jpg');"
        "print([m for m in ('PIL', 'numpy', 'pi_heif', 'defusedxml') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "[]"
