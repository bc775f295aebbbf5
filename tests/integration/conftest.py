"""Small folders of pictures and the libraries made of them, for the tests of the whole program."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import with_exports
from tests.integration.command import Command

ODD_NAMES = (
    b"caf\xe9 latin-1.jpg", b"new\nline.jpg", b"<b>bold<img src=x>.jpg", b"escape\x1b[31mred.jpg",
    "csi\x9b2Jclear.jpg".encode(), "mark\u202egpj.exe.jpg".encode(), b"-rf.jpg", b"$(whoami) 'x'.jpg",
    b"tab\tbell\x07.jpg",
)  # fmt: skip
"""Names that are not text, that a terminal would obey, or that look like something else."""


def picture(path: Path, seed: int, *, width: int = 120, height: int = 80) -> None:
    """A small JPEG of coarse coloured noise; another one for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).save(path, "JPEG", quality=85)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Two dozen pictures: one of each format (one of them cut short), odd names, a folder below. Never changed."""
    folder = tmp_path_factory.mktemp("pictures")
    for file in data.iterdir():
        if file.suffix != ".md":
            shutil.copyfile(file, folder / file.name)
    for seed, name in enumerate(ODD_NAMES):
        picture(folder / os.fsdecode(name), seed)
    (folder / "below").mkdir()
    for seed in (100, 101, 102):
        picture(folder / "below" / f"{seed}.jpg", seed)
    return folder


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, pictures: Path, exported_model: Path) -> Command:
    """``pictures``, indexed. Only for looking; ``library`` is for changing."""
    command = Command(with_exports(tmp_path_factory.mktemp("library") / "data", exported_model))
    done = command("index", pictures, "--quiet")
    assert done.status == 0, done.err.decode()
    return command


@pytest.fixture
def library(tmp_path: Path, made_once: Command) -> Command:
    """A library of one's own in which ``pictures`` are indexed."""
    copy = tmp_path / "data"
    shutil.copytree(made_once.data_dir, copy)
    return Command(copy)


@pytest.fixture
def own_pictures(tmp_path: Path, pictures: Path) -> Path:
    """A copy of ``pictures`` that may be changed."""
    copy = tmp_path / "pictures"
    shutil.copytree(pictures, copy)
    return copy
