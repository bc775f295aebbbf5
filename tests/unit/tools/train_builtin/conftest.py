"""What the recipe's tests share: generated pictures, and a tower so small that a step takes milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools.train_builtin import sources
from tools.train_builtin.sources import Source

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (30, 40, 220)}


def scene(seed: int, size: tuple[int, int] = (200, 150)) -> Image.Image:
    """A picture of soft blots, unlike that of any other seed."""
    blots = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(blots).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> Source:
    """The only source of the recipe: plain colours, in a folder each."""
    source = Source(
        "colours",
        "nobody/nothing",
        "0",
        r"(?P<label>\w+)/.*\.png",
        "generated",
        "none",
        side_px=32,
        share=5,
        held_out=6,
    )
    table = {
        "classes": {"colours": {name: {"names": [name], "shows": ["colour"]} for name in COLOURS}},
        "caption_words": {},
        "background": [],
    }
    monkeypatch.setattr(sources, "words", lambda: table)
    for module in ("prepare", "targets", "train_pictures", "norms", "evaluate"):
        monkeypatch.setattr(f"tools.train_builtin.{module}.SOURCES", (source,))
    monkeypatch.setattr("tools.train_builtin.targets.words", lambda: table)
    return source


@pytest.fixture
def paint(tmp_path: Path, colours: Source) -> Callable[[int], Path]:
    """Makes so many pictures of each colour, no two alike, and returns the folder of pictures."""

    def made(each: int) -> Path:
        folder = tmp_path / "pictures"
        for number, (name, colour) in enumerate(COLOURS.items()):
            (folder / colours.name / name).mkdir(parents=True, exist_ok=True)
            for i in range(each):
                picture = Image.blend(scene(1000 * number + i, (48, 40)), Image.new("RGB", (48, 40), colour), 0.7)
                picture.save(folder / colours.name / name / f"{i}.png")
        return folder

    return made
