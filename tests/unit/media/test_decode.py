"""Bytes to upright sRGB pixels."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from photosearch.errors import PhotoError, ProblemCode
from photosearch.media import plugins
from photosearch.media.decode import Decoded, decode

RED, GREEN, BLUE, YELLOW = (220, 20, 20), (20, 180, 20), (20, 20, 220), (230, 220, 20)


def decoded(data: bytes, *, name: str = "photo.jpg", min_side_px: int = 512, max_megapixels: int = 250) -> Decoded:
    return decode(data, name=name, min_side_px=min_side_px, max_megapixels=max_megapixels)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def assert_upright(image: Image.Image, *, tolerance: int = 60) -> None:
    width, height = image.size
    corners = {(4, 4): RED, (width - 5, 4): GREEN, (4, height - 5): BLUE, (width - 5, height - 5): YELLOW}
    for place, colour in corners.items():
        seen = image.getpixel(place)
        assert max(abs(a - b) for a, b in zip(seen, colour, strict=True)) <= tolerance, (place, seen, colour)


@pytest.mark.parametrize(
    ("file", "format", "size"),
    [
        ("rotated_6_dated_placed.jpg", "JPEG", (96, 64)),
        ("transparent_middle.png", "PNG", (96, 64)),
        ("palette_transparent.png", "PNG", (96, 64)),
        ("corners.webp", "WebP", (96, 64)),
        ("corners.tif", "TIFF", (96, 64)),
        ("corners.avif", "AVIF", (96, 64)),
        ("corners.heic", "HEIC", (96, 64)),
        ("corners.jp2", "JPEG 2000", (96, 64)),
        ("corners.bmp", "BMP", (48, 32)),
        ("animated.gif", "GIF", (96, 64)),
        ("cmyk.jpg", "JPEG", (96, 64)),
        ("png_named.jpg", "PNG", (96, 64)),
    ],
)
def test_every_format_comes_out_upright_in_rgb_and_under_its_true_name(
    data: Path, file: str, format: str, size: tuple[int, int]
) -> None:
    result = decoded((data / file).read_bytes(), name=file)
    assert (result.facts.format, result.facts.width, result.facts.height) == (format, *size)
    assert (result.image.mode, result.image.size) == ("RGB", size)
    assert result.image.info == {}
    assert_upright(result.image)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_each_orientation_of_each_format_is_applied_once(data: Path, format: str, orientation: int) -> None:
    upright = Image.open(data / "corners.bmp").convert("RGB").resize((96, 64))
    lying = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright if lying is None else upright.transpose(lying)
    result = decoded(encoded(stored, format, exif=exif), name="photo")
    assert (result.facts.width, result.facts.height) == (96, 64)
    assert_upright(result.image)


def test_a_large_jpeg_comes_back_scaled_down_but_its_facts_state_the_full_size() -> None:
    large = Image.linear_gradient("L").resize((2000, 1500)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    result = decoded(encoded(large, "JPEG", exif=exif), min_side_px=300)
    assert (result.facts.width, result.facts.height) == (1500, 2000)
    assert 300 <= min(result.image.size) < 600
    assert result.image.width < result.image.height


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "BMP"])
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA"])
def test_other_formats_are_reduced_strip_by_strip_to_the_same_picture_as_in_one_piece(
    format: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (format, mode) in {("WEBP", "1"), ("WEBP", "P")}:
        pytest.skip("WebP has no such mode")
    picture = Image.effect_mandelbrot((401, 301), (-2, -1.5, 1, 1.5), 50).convert("RGB").convert(mode)
    file = encoded(picture, format, **({"lossless": True} if format == "WEBP" else {}))
    whole = decoded(file, min_side_px=100, name="p")
    monkeypatch.setattr("photosearch.media.colour._STRIP_PIXELS", 401 * 20)
    strips = decoded(file, min_side_px=100, name="p")
    assert whole.image.size == (134, 101)
    assert np.array_equal(np.asarray(whole.image), np.asarray(strips.image))


def test_a_picture_smaller_than_asked_for_is_left_as_it_is() -> None:
    result = decoded(encoded(Image.new("RGB", (30, 7), RED), "PNG"), min_side_px=512)
    assert result.image.size == (30, 7)


def test_sixteen_bit_grey_is_scaled_and_not_cut_off(data: Path) -> None:
    result = decoded((data / "grey16.png").read_bytes())
    values = np.asarray(result.image)[..., 0].ravel().astype(int)
    assert values[0] == 0 and values[-1] == 255
    assert abs(values[len(values) // 2] - 128) <= 1


def test_twelve_bits_in_a_sixteen_bit_file_are_not_shown_black() -> None:
    ramp = np.linspace(0, 4095, 64 * 64).reshape(64, 64).astype(np.uint16)
    result = decoded(encoded(Image.fromarray(ramp), "TIFF"))
    assert result.image.getpixel((63, 63)) == (255, 255, 255)


def test_floating_point_grey_runs_from_its_least_to_its_greatest_value_whatever_else_it_holds() -> None:
    values = np.linspace(-3, 5, 64 * 64, dtype=np.float32).reshape(64, 64)
    values[10, 10], values[10, 11] = np.nan, np.inf
    result = decoded(encoded(Image.fromarray(values), "TIFF"))
    assert result.image.getpixel((0, 0)) == (0, 0, 0)
    assert result.image.getpixel((63, 63)) == (255, 255, 255)


def test_dark_drawings_on_nothing_lie_on_white_and_light_ones_on_grey() -> None:
    for ink, paper in (((10, 10, 10), (255, 255, 255)), ((250, 250, 250), (96, 96, 96))):
        drawing = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
        drawing.paste((*ink, 255), (20, 20, 40, 40))
        image = decoded(encoded(drawing, "PNG")).image
        assert image.getpixel((2, 2)) == paper
        assert image.getpixel((30, 30)) == ink


@pytest.mark.parametrize("file", ["transparent_middle.png", "palette_transparent.png"])
def test_a_hole_shows_the_background(data: Path, file: str) -> None:
    assert decoded((data / file).read_bytes()).image.getpixel((48, 32)) == (255, 255, 255)


def test_a_wide_gamut_profile_is_applied() -> None:
    # Without conversion (0, 255, 0) would stay; in a profile whose primaries are swapped it means red.
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    at = profile.find("sRGB".encode("utf-16-be"))
    profile[at : at + 8] = "Mine".encode("utf-16-be")
    image = decoded(encoded(Image.new("RGB", (64, 64), (0, 255, 0)), "PNG", icc_profile=bytes(profile))).image
    r, g, b = image.getpixel((5, 5))
    assert r > 200 and g < 60 and b < 60


@pytest.mark.parametrize("profile", [b"", b"nonsense", bytes(200), b"\0" * 36 + b"acsp" + b"\xff" * 300])
def test_a_broken_profile_is_ignored(profile: bytes) -> None:
    image = decoded(encoded(Image.new("RGB", (64, 64), RED), "PNG", icc_profile=profile)).image
    assert image.getpixel((5, 5)) == RED


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, content: bytes = b"") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


def refused(data: bytes, **options: object) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        decoded(data, **options)  # type: ignore[arg-type]
    reason = caught.value.reason
    assert reason.endswith(".") and "\n" not in reason and "Error" not in reason
    return caught.value


def test_an_empty_file_is_said_to_be_empty() -> None:
    assert refused(b"").code is ProblemCode.EMPTY


def test_a_cut_jpeg_is_damaged_and_says_that_part_is_missing(data: Path) -> None:
    error = refused((data / "truncated.jpg").read_bytes())
    assert error.code is ProblemCode.DAMAGED
    assert "ends too early" in error.reason


def test_a_png_whose_pixels_fail_their_checksum_is_damaged(data: Path) -> None:
    file = bytearray((data / "png_named.jpg").read_bytes())
    end = file.index(b"IEND")
    file[end - 8] ^= 0xFF  # the checksum of the pixels, before the length of the last chunk
    assert refused(bytes(file)).code is ProblemCode.DAMAGED


@pytest.mark.parametrize("size", [(100_000, 100_000), (1, 300_000_000)])
def test_too_many_pixels_are_refused_before_any_is_touched(size: tuple[int, int]) -> None:
    error = refused(png(*size))
    assert error.code is ProblemCode.TOO_LARGE
    assert "megapixels" in error.reason


def test_the_limit_on_pixels_is_the_users() -> None:
    file = encoded(Image.new("L", (2000, 1001)), "PNG")
    assert refused(file, max_megapixels=2).code is ProblemCode.TOO_LARGE
    assert decoded(file, max_megapixels=3).facts.width == 2000


def test_a_34_byte_webp_that_would_take_gigabytes_is_refused_before_its_decoder_is_made() -> None:
    width = height = 16383
    bits = (width - 1) | (height - 1) << 14
    body = b"VP8L" + struct.pack("<I", 10) + b"\x2f" + struct.pack("<I", bits) + bytes(5)
    file = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    assert refused(file).code is ProblemCode.TOO_LARGE


def test_a_jpeg_of_thousands_of_passes_is_refused_at_once() -> None:
    progressive = encoded(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    first = progressive.index(b"\xff\xda")
    last = progressive.rindex(b"\xff\xd9")
    file = progressive[:last] + progressive[first:last] * 400 + b"\xff\xd9"
    assert refused(file).code is ProblemCode.TOO_SLOW


def test_an_icon_with_a_huge_picture_inside_is_refused() -> None:
    inner = png(20_000, 20_000)
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inner), 22)
    assert refused(b"\0\0\1\0\1\0" + entry + inner, name="a.ico").code is ProblemCode.TOO_LARGE


def test_a_wide_file_that_only_claims_its_pixels_is_damaged() -> None:
    assert refused(png(64, 64, content=b"\0")).code is ProblemCode.DAMAGED


def test_postscript_never_reaches_a_decoder() -> None:
    code = (
        "import sys; from photosearch.media.decode import decode; from photosearch.errors import PhotoError\n"
        "try: decode(b'%!PS-Adobe-3.0 EPSF-3.0\\n%%BoundingBox: 0 0 9 9\\n', name='a.jpg', min_side_px=9,"
        " max_megapixels=9)\n"
        "except PhotoError as e: print(e.code, 'PIL.EpsImagePlugin' in sys.modules, 'pi_heif' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "not-a-picture False False"


def test_without_its_plug_in_a_heic_says_so(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    monkeypatch.setattr(plugins, "_loaded", plugins._loaded.__wrapped__)
    assert refused((data / "corners.heic").read_bytes()).code is ProblemCode.NO_CODEC


def test_a_decoder_that_runs_out_of_memory_costs_its_picture_only(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "reduce", no_memory)
    assert refused((data / "corners.tif").read_bytes()).code is ProblemCode.OUT_OF_MEMORY
