from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from photosearch.library import Library
from photosearch.paths import AppPaths
from tests.fakes import ColourEncoder
from tests.small_library import decode_inline, open_library, paint


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    decode_inline(monkeypatch)


@pytest.fixture
def encoders() -> list[ColourEncoder]:
    """Every encoder that was made, in order."""
    return []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four photos: red, green, blue, yellow; newest first."""
    for age, colour in enumerate(("red", "green", "blue", "yellow")):
        paint(tmp_path / "photos" / f"{colour}.jpg", colour, age=age)
    return tmp_path / "photos"


@pytest.fixture
def library(app_paths_in_tmp: AppPaths, encoders: list[ColourEncoder]) -> Iterator[Library]:
    """An empty library."""
    library = open_library(app_paths_in_tmp, encoders=encoders)
    yield library
    library.close()


@pytest.fixture
def indexed(library: Library, root: Path) -> Library:
    """A library of the four photos."""
    library.add_folder(root)
    library.index()
    return library
