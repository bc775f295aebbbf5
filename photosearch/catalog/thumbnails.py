"""The thumbnails: JPEG bytes by photo, in a database of their own that may be deleted at any time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from photosearch.catalog.database import Database
from photosearch.errors import CatalogDamaged, LibraryTooNew

_APPLICATION_ID = 0x50685468  # "PhTh"


def _create(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE thumbnail (photo_id INTEGER PRIMARY KEY, jpeg BLOB NOT NULL)")


class ThumbnailStore:
    """A cache: a damaged or foreign file is thrown away and begun anew (unless opened ``read_only``)."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        self._database = self._open()

    def _open(self) -> Database | None:
        try:
            return Database(
                self._path, application_id=_APPLICATION_ID, migrations=(_create,), read_only=self._read_only
            )
        except FileNotFoundError:
            return None  # reading a library that never made one
        except (CatalogDamaged, LibraryTooNew):
            if self._read_only:
                return None
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            return Database(self._path, application_id=_APPLICATION_ID, migrations=(_create,))

    def get(self, photo_id: int) -> bytes | None:
        if self._database is None:
            return None
        with self._database.reading() as db:
            row = db.execute("SELECT jpeg FROM thumbnail WHERE photo_id = ?", (photo_id,)).fetchone()
        return row[0] if row else None

    def put(self, thumbnails: Iterable[tuple[int, bytes]]) -> None:
        if self._database is None or self._read_only:
            return
        with self._database.writing() as db:
            db.executemany("INSERT OR REPLACE INTO thumbnail VALUES (?, ?)", thumbnails)

    def remove(self, photo_ids: Iterable[int]) -> None:
        if self._database is None or self._read_only:
            return
        with self._database.writing() as db:
            db.executemany("DELETE FROM thumbnail WHERE photo_id = ?", ((p,) for p in photo_ids))

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
