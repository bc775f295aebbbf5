from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from photosearch.catalog import Catalog, backup
from photosearch.errors import CatalogDamaged, DataFolderUnusable, LibraryError
from tests.small_library import KnownFolder

TODAYS = "catalog-????-??-??.sqlite3"


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)


def test_a_copy_is_made_once_a_day_and_is_sound(catalog, folder, tmp_path):
    (file,) = folder.add(b"a.jpg")
    folder.read(file, 1)
    copy = catalog.back_up_daily()
    assert catalog.back_up_daily() is None
    assert copy is not None
    assert backup.fault_in(copy) is None
    again = Catalog(copy, backups=tmp_path / "none", read_only=True)
    assert len(again.photos.timeline()) == 1
    again.close()


def test_only_the_newest_copies_are_kept(catalog, tmp_path):
    (tmp_path / "backups").mkdir()
    for day in range(1, 10):
        (tmp_path / "backups" / f"catalog-2020-01-0{day}.sqlite3").touch()
    (tmp_path / "backups" / "catalog-version-1.sqlite3").touch()
    catalog.back_up_daily()
    copies = sorted(p.name for p in (tmp_path / "backups").glob(TODAYS))
    assert len(copies) == backup.KEPT_COPIES
    assert copies[0] == "catalog-2020-01-08.sqlite3"
    assert (tmp_path / "backups" / "catalog-version-1.sqlite3").exists()


def test_a_damaged_catalog_pushes_no_good_copy_out(tmp_path):
    catalog = Catalog(tmp_path / "catalog.sqlite3", backups=tmp_path / "backups")
    folder = KnownFolder(catalog, Path("/photos"))
    folder.add(*(b"%0100d.jpg" % n for n in range(2000)))
    catalog.close()
    content = bytearray(catalog.path.read_bytes())
    content[60_000:120_000] = b"\xa5" * 60_000
    catalog.path.write_bytes(content)
    (tmp_path / "backups").mkdir()
    for day in range(1, 8):
        (tmp_path / "backups" / f"catalog-2020-01-0{day}.sqlite3").touch()
    catalog = Catalog(tmp_path / "catalog.sqlite3", backups=tmp_path / "backups")
    with pytest.raises(CatalogDamaged):
        catalog.back_up_daily()
    catalog.close()
    assert len(list((tmp_path / "backups").iterdir())) == 7


def test_a_place_for_copies_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "backups").write_text("in the way")
    catalog = Catalog(tmp_path / "catalog.sqlite3", backups=tmp_path / "backups")
    with pytest.raises(DataFolderUnusable) as told:
        catalog.back_up_daily()
    assert told.value.path == tmp_path / "backups"
    catalog.close()


@pytest.mark.parametrize("content", [b"no database", b""])
def test_what_is_no_catalog_has_a_fault(tmp_path, content):
    (tmp_path / "x.sqlite3").write_bytes(content)
    assert backup.fault_in(tmp_path / "x.sqlite3")


def test_a_catalog_that_is_only_locked_is_not_called_damaged(tmp_path, monkeypatch):
    path = tmp_path / "catalog.sqlite3"
    Catalog(path, backups=tmp_path / "backups").close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    connect = sqlite3.connect
    monkeypatch.setattr("sqlite3.connect", lambda *args, **kwargs: connect(*args, **{**kwargs, "timeout": 0.05}))
    with pytest.raises(LibraryError):
        backup.fault_in(path)
    other.close()


def test_the_newest_sound_copy_is_put_back_and_the_damaged_file_is_kept(tmp_path):
    path, copies = tmp_path / "catalog.sqlite3", tmp_path / "backups"
    catalog = Catalog(path, backups=copies)
    KnownFolder(catalog, Path("/photos")).add(b"a.jpg")
    copy = catalog.back_up_daily()
    catalog.close()
    assert copy is not None
    sound = copy.rename(copies / "catalog-2020-01-01.sqlite3")
    (copies / "catalog-2020-01-02.sqlite3").write_bytes(b"damaged as well")
    damage(path)
    restored = backup.restore(path, copies)
    assert restored.copy == sound
    assert restored.damaged.read_bytes()[4096:4100] == b"\xa5" * 4
    catalog = Catalog(path, backups=copies)
    assert [f.path for f in catalog.folders.all()] == [Path("/photos")]
    catalog.close()


def test_without_a_sound_copy_the_damaged_file_is_only_moved_aside(tmp_path):
    path = tmp_path / "catalog.sqlite3"
    path.write_bytes(b"garbage")
    restored = backup.restore(path, tmp_path / "backups")
    assert restored.copy is None
    assert restored.damaged.read_bytes() == b"garbage"
    assert not path.exists()


def test_a_copy_that_does_not_fit_on_the_disk_leaves_the_damaged_catalog_where_it_is(tmp_path, monkeypatch):
    path, copies = tmp_path / "catalog.sqlite3", tmp_path / "backups"
    catalog = Catalog(path, backups=copies)
    catalog.back_up_daily()
    catalog.close()
    damage(path)
    before = path.read_bytes()

    def full(source: object, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        backup.restore(path, copies)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.restoring"))
