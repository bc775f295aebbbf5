"""The root folders of the library and what is left out of them."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from photosearch.catalog.database import Database
from photosearch.catalog.files import below, orphan_photos_without_files
from photosearch.records import Folder, FolderState


class Folders:
    """Rows of ``folder`` and ``exclude``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Folder]:
        """Every folder, in the order of their paths, with the numbers of its photos and of its missing files."""
        with self._database.reading() as db:
            excludes = _excludes(db)
            rows = db.execute(
                "SELECT folder.id, path, folder.state, folder.device, folder.inode, count(DISTINCT photo_id),"
                " count(*) FILTER (WHERE file.state = 'away')"
                " FROM folder LEFT JOIN file ON folder_id = folder.id GROUP BY folder.id ORDER BY path"
            ).fetchall()
        return [_folder(row[:5], excludes, photos=row[5], away=row[6]) for row in rows]

    def roots(self) -> list[Folder]:
        """Every folder as ``all`` gives it, but not counted: its numbers are 0."""
        with self._database.reading() as db:
            excludes = _excludes(db)
            rows = db.execute("SELECT id, path, state, device, inode FROM folder ORDER BY path").fetchall()
        return [_folder(row, excludes) for row in rows]

    def add(self, path: Path) -> None:
        with self._database.writing() as db:
            db.execute("INSERT INTO folder (path) VALUES (?) ON CONFLICT DO NOTHING", (os.fsencode(path),))

    def remove(self, folder_id: int) -> None:
        """Forget the folder and its files. Its photos keep their embeddings for a while (see Photos.purge)."""
        with self._database.writing() as db:
            photos = [r[0] for r in db.execute("SELECT DISTINCT photo_id FROM file WHERE folder_id = ?", (folder_id,))]
            db.execute("DELETE FROM folder WHERE id = ?", (folder_id,))
            orphan_photos_without_files(db, photos, now=time.time())

    def set_state(self, folder_id: int, state: FolderState, *, device: int | None, inode: int | None) -> None:
        """Remember how the root was found; device and inode tell another volume at the same place."""
        with self._database.writing() as db:
            db.execute(
                "UPDATE folder SET state = ?, device = ?, inode = ? WHERE id = ?", (state, device, inode, folder_id)
            )

    def exclude(self, folder_id: int, rel: bytes) -> None:
        """Leave ``rel`` (relative, ``/`` between parts) and all below it out; forget the files there."""
        with self._database.writing() as db:
            db.execute("INSERT INTO exclude VALUES (?, ?) ON CONFLICT DO NOTHING", (folder_id, rel))
            where, values = below(rel)
            photos = [
                r[0]
                for r in db.execute(
                    f"SELECT DISTINCT photo_id FROM file WHERE folder_id = ? AND {where}", (folder_id, *values)
                )
            ]
            db.execute(f"DELETE FROM file WHERE folder_id = ? AND {where}", (folder_id, *values))
            orphan_photos_without_files(db, photos, now=time.time())

    def include(self, folder_id: int, rel: bytes) -> None:
        with self._database.writing() as db:
            db.execute("DELETE FROM exclude WHERE folder_id = ? AND rel = ?", (folder_id, rel))


def _folder(row: tuple, excludes: dict[int, tuple[str, ...]], *, photos: int = 0, away: int = 0) -> Folder:
    """row: id, path, state, device, inode."""
    folder_id, path, state, device, inode = row
    return Folder(
        id=folder_id,
        path=Path(os.fsdecode(path)),
        state=FolderState(state),
        excludes=excludes.get(folder_id, ()),
        photos=photos,
        away=away,
        device=device,
        inode=inode,
    )


def _excludes(db: sqlite3.Connection) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for folder_id, rel in db.execute("SELECT folder_id, rel FROM exclude ORDER BY rel"):
        found[folder_id] = (*found.get(folder_id, ()), os.fsdecode(rel))
    return found
