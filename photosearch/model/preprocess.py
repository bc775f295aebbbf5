"""From an upright RGB picture to the pixels a model wants, with Pillow and numpy alone.

This is what open_clip's own inference transform does before ``ToTensor`` and ``Normalize``, so that decode workers need
no torch and pixels travel as bytes. One thing differs on purpose: only the part that survives the centre crop is
resized. open_clip resizes the whole picture first, so one of 1 × 60,000 pixels would take 9 GB on its way to 224 × 224.
Pillow lets the filter look beyond the crop, so the result is the same (tests hold it to two grey levels).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
_RESIZE_MODES = ("shortest", "longest", "squash")


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a model wants its pictures.

    side_px: height of the input, and its width unless ``width_px`` says otherwise.
    resize_mode: ``shortest`` (fill, crop the middle), ``longest`` (fit, pad with ``fill``) or ``squash``.
    interpolation: ``bicubic`` or ``bilinear``.
    mean, std: one number a channel, for values from 0 to 1.
    fill: grey level of the padding, 0 to 255.
    width_px: width of an input that is not square; 0 where it is.
    """

    side_px: int
    resize_mode: str
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fill: int = 0
    width_px: int = 0

    @classmethod
    def from_open_clip(cls, config: Mapping) -> Preprocess:
        """From open_clip's resolved ``preprocess_cfg``. Raises ValueError where it asks for what open_clip has not."""
        size = config["size"]
        height, width = (size, size) if isinstance(size, int | float) else (size[0], size[-1])
        resize_mode = config.get("resize_mode") or "shortest"
        if resize_mode not in _RESIZE_MODES:
            raise ValueError(f"unknown resize_mode {resize_mode!r}")
        interpolation = config.get("interpolation") or "bicubic"
        if interpolation not in ("bicubic", "bilinear", "random"):
            raise ValueError(f"unknown interpolation {interpolation!r}")
        return cls(
            side_px=int(height),
            resize_mode=resize_mode,
            # "random" belongs to training; open_clip takes bicubic for inference then.
            interpolation="bilinear" if interpolation == "bilinear" else "bicubic",
            mean=_three(config["mean"]),
            std=_three(config["std"]),
            fill=int(config.get("fill_color") or 0),
            width_px=0 if int(width) == int(height) else int(width),
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of what ``apply`` returns: height, width, 3."""
        return self.side_px, self.width_px or self.side_px, 3

    def apply(self, image: Image.Image, *, full_size: tuple[int, int] | None = None) -> np.ndarray:
        """The model's view of a picture.

        image: upright, mode RGB, any size from 1 × 1.
        full_size: of the picture that ``image`` is a whole part of (a half, a third …; sides rounded up). What is cut
        off and by how much is scaled then follows from it, as if it had been decoded in full: sizes are rounded to
        whole pixels on the way, and of a smaller picture to other ones.
        Returns uint8 [height, width, 3], a new array.
        """
        height, width, _ = self.shape
        view = _View.of(image, full_size)
        if self.resize_mode == "squash":
            return view.resized((width, height), _FILTERS[self.interpolation])
        if self.resize_mode == "longest":
            return self._fit(view, width, height)
        return self._fill(view, width, height)

    def _fill(self, image: _View, width: int, height: int) -> np.ndarray:
        """Scale until the target is covered, keep its middle."""
        if width == height:
            # torchvision's Resize: the longer side is cut to a whole number, not rounded.
            short = min(image.width, image.height)
            scaled_width = width if image.width == short else int(width * image.width / short)
            scaled_height = height if image.height == short else int(height * image.height / short)
            resample = _FILTERS[self.interpolation]
        else:
            # open_clip's ResizeKeepRatio, which is not told the interpolation here and takes its default.
            ratio = min(image.width / width, image.height / height)
            scaled_width, scaled_height = round(image.width / ratio), round(image.height / ratio)
            resample = Image.Resampling.BICUBIC
        left, top = round((scaled_width - width) / 2), round((scaled_height - height) / 2)
        x, y = image.width / scaled_width, image.height / scaled_height
        box = (left * x, top * y, min((left + width) * x, image.width), min((top + height) * y, image.height))
        return image.resized((width, height), resample, box=box)

    def _fit(self, image: _View, width: int, height: int) -> np.ndarray:
        """Scale until it fits, pad around it."""
        ratio = max(image.width / width, image.height / height)
        # At least one pixel: open_clip fails on a picture 200 times as long as high.
        scaled = max(1, round(image.width / ratio)), max(1, round(image.height / ratio))
        canvas = np.full((height, width, 3), self.fill, np.uint8)
        left, top = (width - scaled[0]) // 2, (height - scaled[1]) // 2
        canvas[top : top + scaled[1], left : left + scaled[0]] = image.resized(scaled, _FILTERS[self.interpolation])
        return canvas


@dataclass(frozen=True, slots=True)
class _View:
    """A picture that may be there only scaled down, spoken of by its full width and height."""

    image: Image.Image
    width: int
    height: int
    factor: int

    @classmethod
    def of(cls, image: Image.Image, full_size: tuple[int, int] | None) -> _View:
        if full_size is not None:
            factor = max(1, round(max(full_size) / max(image.size)))
            if image.size == (-(-full_size[0] // factor), -(-full_size[1] // factor)):
                return cls(image, *full_size, factor)
        return cls(image, *image.size, 1)

    def resized(
        self,
        size: tuple[int, int],
        resample: Image.Resampling,
        *,
        box: tuple[float, float, float, float] | None = None,
    ) -> np.ndarray:
        """The part within ``box`` (all of it by default), in full-size pixels, as uint8 [height, width, 3]."""
        left, top, right, bottom = box or (0, 0, self.width, self.height)
        f = self.factor
        return np.array(self.image.resize(size, resample, box=(left / f, top / f, right / f, bottom / f)))


def _three(values: float | list[float] | tuple[float, ...]) -> tuple[float, float, float]:
    if isinstance(values, int | float):
        return float(values), float(values), float(values)
    red, green, blue = values
    return float(red), float(green), float(blue)
