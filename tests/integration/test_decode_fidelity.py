"""Scaled decoding costs no answers: the model sees what it would see after a full decode and its own transform."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.integration.python_process import WITH_OPEN_CLIP, run_python

LIMIT_SECONDS = 3000
LEAST_COSINE = 0.99
MOST_GREY_LEVELS = 2.5
"""On average over a picture; a hundredth of the range."""


def measured(files: list[Path], folder: Path) -> dict[str, dict[str, list[float]]]:
    (folder / "files.json").write_text(json.dumps([str(f) for f in files]))
    program = (
        f"{WITH_OPEN_CLIP}from tests.integration import decode_reference\n"
        "decode_reference.main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))"
    )
    run_python(program, folder / "files.json", folder / "answer.json", limit_seconds=LIMIT_SECONDS)
    return json.loads((folder / "answer.json").read_text())


def check(files: list[Path], folder: Path) -> None:
    for model, figures in measured(files, folder).items():
        off = {
            str(file): (cosine, levels)
            for file, cosine, levels in zip(files, figures["cosines"], figures["grey_levels"], strict=True)
            if not (cosine >= LEAST_COSINE and levels <= MOST_GREY_LEVELS)
        }
        assert off == {}, model


def all_photos(photos: Path) -> list[Path]:
    return sorted(p for p in photos.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))


def twelve_megapixels(path: Path, photo: Path, *, progressive: bool) -> Path:
    """A real photo, blown up to the size and grain of a camera's."""
    with Image.open(photo) as small:
        large = np.asarray(small.convert("RGB").resize((4000, 3000), Image.Resampling.LANCZOS)).astype(np.float32)
    grain = np.random.default_rng(1).normal(scale=5, size=(*large.shape[:2], 1))
    Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8)).save(path, quality=92, progressive=progressive)
    return path


def test_the_model_sees_the_same_as_after_a_full_decode(photos: Path, tmp_path: Path) -> None:
    """A sample: every fiftieth photo, all that are large, and two as large as a camera's."""
    found = all_photos(photos)
    large = []
    for path in found:
        with Image.open(path) as image:
            if max(image.size) >= 1500:
                large.append(path)
    made = [
        twelve_megapixels(tmp_path / f"{number}.jpg", found[number * 40], progressive=bool(number))
        for number in range(2)
    ]
    sample = [*found[::50], *large, *made]
    assert len(sample) > 25
    check(sample, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(LIMIT_SECONDS)
def test_the_model_sees_the_same_of_every_photo(photos: Path, tmp_path: Path) -> None:
    found = all_photos(photos)
    assert len(found) > 900
    check(found, tmp_path)
