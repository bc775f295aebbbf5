"""Progressive JPEGs at an eighth: nothing that shows is left out."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from photosearch.errors import PhotoError, ProblemCode
from photosearch.media.decode import decode
from photosearch.media.progressive import without_detail


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Colours, edges and grain."""
    random = np.random.default_rng(width + height)
    blots = Image.fromarray(random.integers(0, 256, (7, 9, 3), dtype=np.uint8)).resize((width, height))
    grain = random.normal(scale=20, size=(height, width, 3))
    return Image.fromarray(np.clip(np.asarray(blots) + grain, 0, 255).astype(np.uint8)).convert(mode)


def jpeg(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", **{"progressive": True, "quality": 85, **options})
    return out.getvalue()


def at_an_eighth(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        image.draft(image.mode, (image.width // 8, image.height // 8))
        return np.asarray(image)


@pytest.mark.parametrize("size", [(1600, 1200), (1999, 1501), (803, 17), (9, 1201)])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_the_pixels_are_the_same_bit_for_bit(mode: str, subsampling: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = jpeg(picture(*size, mode), subsampling=subsampling, exif=exif, comment=b"kept")
    light = without_detail(whole)
    assert light is not None
    assert len(light) < len(whole)
    assert np.array_equal(at_an_eighth(light), at_an_eighth(whole))
    with Image.open(io.BytesIO(light)) as image:
        assert (image.info["comment"], image.getexif()[0x0112]) == (b"kept", 6)


@pytest.mark.parametrize(
    "data",
    [
        jpeg(picture(200, 200), progressive=False),
        jpeg(picture(200, 200), restart_marker_blocks=3),
        jpeg(picture(200, 200))[:-2],
        jpeg(picture(200, 200))[:3000] + b"\xff\xd9",
        jpeg(picture(200, 200)) + jpeg(picture(200, 200)),
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xc2\0\x0b\x08\0\0\0\0\1\1\x11\0\xff\xda\0\x08\1\1\0\1\x3f\0\0\xff\xd9",
        b"",
    ],
    ids=["baseline", "restart marks", "no end", "cut", "two pictures", "empty", "no pixels", "nothing"],
)
def test_what_is_not_surely_understood_is_left_as_it_is(data: bytes) -> None:
    light = without_detail(data)
    assert light is None or np.array_equal(at_an_eighth(light), at_an_eighth(data))


def test_a_large_progressive_photo_is_decoded_like_any_other() -> None:
    scene = picture(1600, 1200)
    both = [
        decode(jpeg(scene, progressive=p), name="a.jpg", min_side_px=100, max_megapixels=250) for p in (True, False)
    ]
    assert both[0].image.size == both[1].image.size == (200, 150)
    assert both[0].facts == both[1].facts
    apart = np.abs(np.asarray(both[0].image).astype(int) - np.asarray(both[1].image))
    assert apart.mean() < 1


def test_a_progressive_photo_that_is_cut_short_is_still_damaged() -> None:
    file = jpeg(picture(1600, 1200))
    with pytest.raises(PhotoError) as caught:
        decode(file[: len(file) // 2], name="a.jpg", min_side_px=100, max_megapixels=250)
    assert caught.value.code is ProblemCode.DAMAGED
