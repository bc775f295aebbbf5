"""What Preprocess makes of pictures. Its parity with open_clip is held by tests/integration/test_encoder_parity.py."""

import numpy as np
import pytest
from PIL import Image

from photosearch.model import Preprocess

MEAN, STD = (0.5, 0.25, 0.0), (0.5, 0.5, 0.25)


def preprocess(resize_mode="shortest", **more) -> Preprocess:
    return Preprocess(32, resize_mode, "bicubic", MEAN, STD, **more)


def stripes(width: int, height: int) -> Image.Image:
    """From left to right: red, green, blue."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for channel, columns in enumerate(np.array_split(np.arange(width), 3)):
        pixels[:, columns, channel] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(1, 1), (32, 32), (3, 200), (200, 3), (400, 40), (31, 33), (1, 60_000), (60_000, 1)])
def test_any_size_of_picture_becomes_the_size_the_model_wants(mode, size):
    pixels = preprocess(mode).apply(Image.new("RGB", size, (9, 8, 7)))
    assert (pixels.shape, pixels.dtype) == ((32, 32, 3), np.uint8)
    assert (pixels == (9, 8, 7)).all(axis=2).any()


def test_the_middle_of_a_panorama_is_kept_and_its_ends_are_cut():
    pixels = preprocess().apply(stripes(3000, 100)).reshape(-1, 3).mean(axis=0)
    assert pixels[1] > 250 and pixels[0] < 5 and pixels[2] < 5


def test_longest_keeps_the_whole_picture_and_fills_around_it():
    pixels = preprocess("longest", fill=77).apply(stripes(400, 100))
    assert (pixels[:12] == 77).all() and (pixels[20:] == 77).all()
    assert pixels[16, 1].argmax() == 0 and pixels[16, 30].argmax() == 2


def test_an_input_that_is_not_square_has_its_height_first():
    wide = Preprocess(16, "shortest", "bilinear", MEAN, STD, width_px=48)
    assert wide.shape == (16, 48, 3)
    for mode in ("shortest", "longest", "squash"):
        assert Preprocess(16, mode, "bilinear", MEAN, STD, width_px=48).apply(stripes(100, 90)).shape == (16, 48, 3)


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(1772, 1181), (1181, 1772), (1601, 1203), (3001, 999)])
@pytest.mark.parametrize("factor", [2, 3, 8])
def test_a_picture_decoded_to_a_part_of_its_size_is_cut_and_scaled_as_the_whole_one_is(mode, size, factor):
    blots = np.random.default_rng(4).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    whole = Image.fromarray(blots).resize(size, Image.Resampling.NEAREST)  # edges show where it was cut
    part = whole.reduce(factor)
    expected = preprocess(mode).apply(whole).astype(int)
    off = np.abs(preprocess(mode).apply(part, full_size=size) - expected).mean()
    assert off < 3
    assert off <= np.abs(preprocess(mode).apply(part) - expected).mean()


def test_a_full_size_that_does_not_fit_the_picture_is_not_believed():
    image = stripes(300, 200)
    assert np.array_equal(preprocess().apply(image, full_size=(1000, 600)), preprocess().apply(image))


def test_the_result_belongs_to_the_caller():
    image = stripes(32, 32)
    pixels = preprocess().apply(image)
    pixels[:] = 0
    assert np.asarray(image).any()


def test_the_configuration_of_open_clip_is_understood_in_all_its_spellings():
    config = {"size": (32, 48), "mode": "RGB", "mean": 0.5, "std": [0.1, 0.2, 0.3], "fill_color": 9}
    assert Preprocess.from_open_clip(config | {"interpolation": "random", "resize_mode": None}) == Preprocess(
        32, "shortest", "bicubic", (0.5, 0.5, 0.5), (0.1, 0.2, 0.3), fill=9, width_px=48
    )
    square = Preprocess.from_open_clip(config | {"size": 32, "interpolation": "bilinear", "resize_mode": "squash"})
    assert (square.shape, square.interpolation, square.resize_mode) == ((32, 32, 3), "bilinear", "squash")


@pytest.mark.parametrize("wrong", [{"resize_mode": "stretch"}, {"interpolation": "lanczos"}])
def test_what_open_clip_does_not_have_is_refused(wrong):
    with pytest.raises(ValueError, match="unknown"):
        Preprocess.from_open_clip({"size": 32, "mean": MEAN, "std": STD} | wrong)
