"""Pictures made for these tests."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image


def picture(path: Path, seed: int, *, width: int = 300, height: int = 200) -> Path:
    """A JPEG of soft coloured clouds; another one for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).save(path, "JPEG", quality=85)
    return path


def many_pictures(folder: Path, count: int) -> Path:
    """``count`` large photos that take a while to decode: one and the same to look at, each another content."""
    folder.mkdir()
    first = picture(folder / "0000.jpg", 1, width=2400, height=1800).read_bytes()
    for number in range(1, count):
        (folder / f"{number:04}.jpg").write_bytes(first + os.urandom(8))
    return folder
