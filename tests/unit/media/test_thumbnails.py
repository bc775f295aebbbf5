"""The small copies."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from photosearch.media.thumbnails import THUMBNAIL_PX, preview, thumbnail


@pytest.mark.parametrize(
    ("size", "expected"),
    [((2000, 1000), (512, 256)), ((1000, 2000), (256, 512)), ((512, 512), (512, 512)), ((40, 30), (40, 30)),
     ((100_000, 1), (512, 1))],
)  # fmt: skip
def test_a_thumbnail_fits_and_keeps_its_proportions_and_is_never_enlarged(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    result = Image.open(io.BytesIO(thumbnail(Image.new("RGB", size, (200, 40, 40)))))
    assert (result.format, result.mode, result.size) == ("JPEG", "RGB", expected)
    assert max(result.size) <= THUMBNAIL_PX


def test_a_thumbnail_tells_nothing_of_the_photo_but_its_pixels() -> None:
    image = Image.new("RGB", (64, 64))
    image.info.update(exif=b"Exif\0\0II*\0secret", comment=b"secret", icc_profile=b"secret", xmp=b"secret")
    assert b"secret" not in thumbnail(image)
    assert b"secret" not in preview(image, max_px=64)
    assert image.info["comment"] == b"secret"


def test_a_preview_is_as_large_as_asked_for_at_most() -> None:
    assert Image.open(io.BytesIO(preview(Image.new("RGB", (3000, 1500)), max_px=1600))).size == (1600, 800)
    assert Image.open(io.BytesIO(preview(Image.new("RGB", (300, 150)), max_px=1600))).size == (300, 150)
