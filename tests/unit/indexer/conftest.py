from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from photosearch.catalog import Catalog
from tests.unit.indexer.line import Line


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(tmp_path / "data" / "catalog.sqlite3", backups=tmp_path / "data" / "backups")
    yield catalog
    catalog.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    return root


@pytest.fixture
def line(catalog: Catalog, root: Path) -> Iterator[Line]:
    line = Line(catalog, root)
    yield line
    line.thumbnails.close()
