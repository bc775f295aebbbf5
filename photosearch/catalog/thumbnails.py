"""The thumbnails: JPEG bytes by photo, in a database of their own that may be deleted at any time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from photosearch.catalog.database import Database
from photosearch.errors import CatalogDamaged, LibraryTooNew

_APPLICATION_ID = 0x50685468  # "PhTh"


_Answer = TypeVar("_Answer")


def _create(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE thumbnail (photo_id INTEGER PRIMARY KEY, jpeg BLOB NOT NULL)")


class ThumbnailStore:
    """A cache: a damaged or foreign file is thrown away and begun anew (unless opened ``read_only``), also when the
    damage shows only later. Safe to use from several threads."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        self._resetting = threading.Lock()
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
            self._throw_away()
            return Database(self._path, application_id=_APPLICATION_ID, migrations=(_create,))

    def _throw_away(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def get(self, photo_id: int) -> bytes | None:
        def look(database: Database) -> bytes | None:
            with database.reading() as db:
                row = db.execute("SELECT jpeg FROM thumbnail WHERE photo_id = ?", (photo_id,)).fetchone()
            return row[0] if row else None

        return self._on_sound(look)

    def put(self, thumbnails: Sequence[tuple[int, bytes]]) -> None:
        self._write("INSERT OR REPLACE INTO thumbnail VALUES (?, ?)", thumbnails)

    def remove(self, photo_ids: Iterable[int]) -> None:
        self._write("DELETE FROM thumbnail WHERE photo_id = ?", [(p,) for p in photo_ids])

    def _write(self, statement: str, rows: Sequence[tuple]) -> None:
        def write(database: Database) -> None:
            with database.writing() as db:
                db.executemany(statement, rows)

        if not self._read_only:
            self._on_sound(write)

    def _on_sound(self, use: Callable[[Database], _Answer]) -> _Answer | None:
        """``use`` the database; where that shows damage, once more with a new one. None where there is none."""
        database = self._database
        if database is None:
            return None
        try:
            return use(database)
        except CatalogDamaged:
            with self._resetting:
                if self._database is database:
                    database.close()
                    self._database = None
                    if not self._read_only:
                        self._throw_away()
                        self._database = self._open()
                fresh = self._database
            return use(fresh) if fresh is not None else None

    def rest(self) -> None:
        """Let go of memory that is not needed now."""
        if self._database is not None:
            self._database.rest()

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
