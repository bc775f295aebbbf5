from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from photosearch.catalog import Catalog


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
