"""JPEG XL: read where a plug-in is installed, refused by the size its header states, and told what to install."""

from __future__ import annotations

import csv
import importlib.machinery
import io
import re
import sys
import types
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from photosearch.errors import PhotoError, ProblemCode
from photosearch.media import plugins
from photosearch.media.decode import decode
from photosearch.media.jpeg_xl import stated_size


def bits(*fields: tuple[int, int]) -> bytes:
    """A bare codestream that begins with these (value, number of bits), least significant first."""
    number = at = 0
    for value, count in fields:
        number |= value << at
        at += count
    return b"\xff\x0a" + number.to_bytes(14, "little")


def sized(width: int, height: int) -> bytes:
    return bits((0, 1), (3, 2), (height - 1, 30), (0, 3), (3, 2), (width - 1, 30))


def boxed(codestream: bytes, kind: bytes = b"jxlc") -> bytes:
    def box(name: bytes, body: bytes) -> bytes:
        return (8 + len(body)).to_bytes(4, "big") + name + body

    index = bytes(4) if kind == b"jxlp" else b""
    mark = b"\0\0\0\x0cJXL \r\n\x87\n"
    return mark + box(b"ftyp", b"jxl \0\0\0\0jxl ") + box(b"Exif", bytes(30)) + box(kind, index + codestream)


@pytest.mark.parametrize(
    ("header", "size"),
    [
        (bits((1, 1), (12, 5), (0, 3), (4, 5)), (40, 104)),  # both in eights
        (bits((0, 1), (0, 2), (99, 9), (1, 3)), (100, 100)),
        (bits((0, 1), (1, 2), (2999, 13), (3, 3)), (4000, 3000)),
        (bits((0, 1), (1, 2), (1079, 13), (5, 3)), (1920, 1080)),
        (bits((0, 1), (2, 2), (99_999, 18), (0, 3), (0, 2), (6, 9)), (7, 100_000)),
        (sized(1 << 30, 1 << 30), (1 << 30, 1 << 30)),
        (boxed(sized(640, 480)), (640, 480)),
        (boxed(sized(640, 480), b"jxlp"), (640, 480)),
        (b"\xff\x0a", None),
        (boxed(b"")[:40], None),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), None),
    ],
)
def test_the_size_is_read_without_a_decoder(header: bytes, size: tuple[int, int] | None) -> None:
    assert stated_size(header) == size


def test_the_sizes_of_real_files_are_those_that_decoders_see(shared: Path) -> None:
    wrong, checked = {}, 0
    for folder in ("broken", "formats", "metadata", "orientation"):
        with (shared / "hostile" / folder / "INDEX.tsv").open(newline="", encoding="utf-8") as table:
            for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
                seen = re.search(r"djxl (\d+)x(\d+)", row["note"])
                if row["file"].endswith(".jxl") and seen:
                    size = stated_size((shared / "hostile" / folder / row["file"]).read_bytes())
                    checked += 1
                    if size is None or sorted(size) != sorted(map(int, seen.groups())):
                        wrong[row["file"]] = size
    assert checked > 10
    assert wrong == {}


def decoded(data: bytes, **options: int):
    return decode(data, name="a.jxl", **{"min_side_px": 64, "max_megapixels": 250, **options})


def test_without_the_plug_in_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    monkeypatch.setattr(plugins, "_loaded", plugins._loaded.__wrapped__)
    with pytest.raises(PhotoError) as caught:
        decoded(sized(64, 64))
    assert caught.value.code is ProblemCode.NO_CODEC
    assert "pillow-jxl-plugin" in caught.value.reason


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Stands for pillow-jxl-plugin, which is under the GPL and no part of this project: after the header it reads a
    JPEG. As the real one does, it decodes on opening and says whether a JPEG was inside."""

    class Opened(ImageFile.ImageFile):
        format = "JXL"

        def _open(self) -> None:
            assert self.fp is not None
            module.opened += 1
            with Image.open(io.BytesIO(self.fp.read()[16:]), formats=["JPEG"]) as inside:
                inside.load()
                self._size, self._mode, self.info = inside.size, inside.mode, inside.info
                self._inside = inside.copy()
            self.jpeg = module.jpeg_inside
            self.tile = []

        def load(self):
            self.im = self._inside.im
            return super().load()

    package, module = types.ModuleType("pillow_jxl"), types.ModuleType("pillow_jxl.JpegXLImagePlugin")
    package.__spec__ = importlib.machinery.ModuleSpec("pillow_jxl", None, is_package=True)
    package.__path__ = []
    package.JpegXLImagePlugin = module  # type: ignore[attr-defined]
    module.opened, module.jpeg_inside, module.DECODE_THREADS = 0, False, -1  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pillow_jxl", package)
    monkeypatch.setitem(sys.modules, "pillow_jxl.JpegXLImagePlugin", module)
    monkeypatch.setattr(plugins, "_loaded", plugins._loaded.__wrapped__)
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    Image.register_open("JXL", Opened, lambda head: head.startswith(b"\xff\x0a"))
    return module


def jpeg_of(size: tuple[int, int], orientation: int) -> bytes:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, (200, 30, 30)).save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_with_the_plug_in_it_is_decoded_by_one_thread(plug_in: types.ModuleType) -> None:
    result = decoded(sized(96, 64) + jpeg_of((96, 64), 1))
    assert (result.facts.format, result.facts.width, result.facts.height) == ("JPEG XL", 96, 64)
    assert result.image.getpixel((5, 5))[0] > 180
    assert plug_in.DECODE_THREADS == 1


@pytest.mark.parametrize(("jpeg_inside", "size"), [(False, (96, 64)), (True, (64, 96))])
def test_the_decoder_turns_pixels_upright_but_not_a_jpeg_that_it_gives_back(
    plug_in: types.ModuleType, jpeg_inside: bool, size: tuple[int, int]
) -> None:
    plug_in.jpeg_inside = jpeg_inside
    facts = decoded(sized(96, 64) + jpeg_of((96, 64), 6)).facts
    assert (facts.width, facts.height) == size


def test_one_that_states_too_many_pixels_is_refused_before_it_is_opened(plug_in: types.ModuleType) -> None:
    for data, code in ((sized(30_000, 30_000), ProblemCode.TOO_LARGE), (b"\xff\x0a", ProblemCode.DAMAGED)):
        with pytest.raises(PhotoError) as caught:
            decoded(data)
        assert caught.value.code is code
    assert plug_in.opened == 0
