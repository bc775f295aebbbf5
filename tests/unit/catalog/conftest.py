from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from photosearch.catalog import Catalog
from tests.small_library import KnownFolder


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(tmp_path / "catalog.sqlite3", backups=tmp_path / "backups")
    yield catalog
    catalog.close()


@pytest.fixture
def folder(catalog: Catalog) -> KnownFolder:
    return KnownFolder(catalog, Path("/photos"))
