"""Photos of 12 megapixels that nobody took: large soft shapes, finer and finer texture, edges and sensor grain.

What a JPEG costs to decode depends on how much detail it holds; these come to 2 to 3 MB at quality 88, as a phone's do.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 4000, 3000
_OCTAVES = (4, 9, 25, 70, 200, 600)
_SHAPES = 25
_GRAIN = 5.0
_QUALITY = 88
_PAINTED = 30


def write_photos(
    folder: Path, *, count: int, seed: int = 3, long_side_px: int = WIDTH, painted: int = _PAINTED
) -> list[Path]:
    """Write ``count`` JPEGs; returns their paths. ``painted`` are different pictures; the others are those again with
    some bytes after their end, which makes another file of them that costs as much."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(count):
        file = folder / f"photo-{number:05d}.jpg"
        if number < painted:
            picture = _photo(random)
            picture.thumbnail((long_side_px, long_side_px))
            picture.save(file, "JPEG", quality=_QUALITY)
        else:
            file.write_bytes(files[number % painted].read_bytes() + b"%08d" % number)
        files.append(file)
    return files


def _photo(random: np.random.Generator) -> Image.Image:
    total = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for octave, cells in enumerate(_OCTAVES):
        small = random.normal(0, 60 / (octave + 1), (max(2, cells * 3 // 4), cells, 3)).astype(np.float32)
        for channel in range(3):
            layer = Image.fromarray(small[:, :, channel]).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
            total[:, :, channel] += np.asarray(layer)
    picture = Image.fromarray(np.clip(total + 128, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture, "RGBA")
    for _ in range(_SHAPES):
        x, y = random.integers(0, WIDTH), random.integers(0, HEIGHT)
        w, h = random.integers(50, WIDTH // 3, size=2)
        colour = (*(int(c) for c in random.integers(0, 255, 3)), 110)
        (draw.ellipse if random.random() < 0.5 else draw.rectangle)((x, y, x + w, y + h), fill=colour)
    grain = random.normal(0, _GRAIN, (HEIGHT, WIDTH, 1)).astype(np.float32)
    return Image.fromarray(np.clip(np.asarray(picture, np.float32) + grain, 0, 255).astype(np.uint8))
