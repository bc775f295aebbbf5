"""The photos (contents): committing what was indexed, and reading it back for the grid, answers and details."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photosearch.catalog.database import Database
from photosearch.catalog.files import chunks, orphan_photos_without_files, path_of, storable_time
from photosearch.records import FileState, Photo, PhotoFacts, Place, Timeline

KEEP_ORPHANS_SECONDS = 30 * 24 * 3600
"""How long a photo without files keeps its embedding: a moved drive or an undone delete then costs nothing."""

_FACTS = (
    "format", "width", "height", "taken", "taken_offset", "taken_source", "camera", "lens", "exposure_seconds",
    "f_number", "iso", "focal_length_mm", "latitude", "longitude", "title", "description", "keywords", "rating",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class IndexedPhoto:
    """One file that was read. ``facts`` is None where the content was known; ``vector`` is float32 [dim] or None."""

    file_id: int
    size: int
    mtime_ns: int
    digest: bytes
    facts: PhotoFacts | None
    vector: np.ndarray | None


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did with one file. ``was_orphan``: the content was known, but no file held it (it moved, or came
    back); ``copied``: another file holds it as well."""

    photo_id: int
    new_photo: bool
    was_orphan: bool
    copied: bool


class Photos:
    """Rows of ``photo``, with the files that hold them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def commit(self, batch: Sequence[IndexedPhoto], *, model_id: int) -> dict[int, Committed]:
        """Write a batch in one transaction; returns what became of each file id. Files gone meanwhile are left out."""
        now = time.time()
        done: dict[int, Committed] = {}
        with self._database.writing() as db:
            for item in batch:
                row = db.execute("SELECT photo_id FROM file WHERE id = ?", (item.file_id,)).fetchone()
                if row is None:
                    continue
                before = row[0]
                photo = db.execute("SELECT id, orphaned_at FROM photo WHERE hash = ?", (item.digest,)).fetchone()
                copied = False
                if photo is None:
                    if item.facts is None:
                        continue  # its photo was purged between reading and now; the file stays pending
                    values = _row_of(item.facts)
                    photo_id = db.execute(
                        f"INSERT INTO photo (hash, bytes, {', '.join(_FACTS)}) VALUES (?, ?{', ?' * len(_FACTS)})",
                        (item.digest, item.size, *values),
                    ).lastrowid
                    assert photo_id is not None
                else:
                    photo_id = photo[0]
                    copied = photo[1] is None and photo_id != before
                    db.execute("UPDATE photo SET orphaned_at = NULL WHERE id = ?", (photo_id,))
                if item.vector is not None:
                    db.execute(
                        "INSERT OR REPLACE INTO embedding VALUES (?, ?, ?)",
                        (model_id, photo_id, item.vector.astype("<f2").tobytes()),
                    )
                db.execute(
                    "UPDATE file SET photo_id = ?, state = ?, size = ?, mtime_ns = ? WHERE id = ?",
                    (photo_id, FileState.KNOWN, item.size, storable_time(item.mtime_ns), item.file_id),
                )
                db.execute("DELETE FROM problem WHERE file_id = ?", (item.file_id,))
                if before is not None and before != photo_id:
                    orphan_photos_without_files(db, [before], now=now)
                done[item.file_id] = Committed(
                    photo_id=photo_id,
                    new_photo=photo is None,
                    was_orphan=photo is not None and photo[1] is not None,
                    copied=copied,
                )
        return done

    def purge(self, *, older_than_seconds: float = KEEP_ORPHANS_SECONDS) -> list[int]:
        """Forget photos that have been without files for so long; returns their ids."""
        with self._database.writing() as db:
            old = [
                r[0]
                for r in db.execute("SELECT id FROM photo WHERE orphaned_at < ?", (time.time() - older_than_seconds,))
            ]
            db.executemany("DELETE FROM photo WHERE id = ?", ((p,) for p in old))
        return old

    def timeline(self) -> Timeline:
        """All photos, newest first."""
        with self._database.reading() as db:
            return Timeline.of(
                db.execute(
                    "SELECT photo.id, width, height, taken, NOT max(file.state != 'away') FROM photo"
                    " JOIN file ON photo_id = photo.id GROUP BY photo.id ORDER BY taken DESC, photo.id DESC"
                )
            )

    def get(self, photo_ids: Sequence[int]) -> dict[int, Photo]:
        """The photos that are in sight among the ids, with their files: present ones first, raw files beside a picture
        after it."""
        columns = ", ".join(f"photo.{name}" for name in _FACTS)
        facts: dict[int, PhotoFacts] = {}
        places: dict[int, list[Place]] = {}
        with self._database.reading() as db:
            for part in chunks([int(p) for p in photo_ids]):
                marks = ",".join("?" * len(part))
                for row in db.execute(f"SELECT id, {columns} FROM photo WHERE id IN ({marks})", part):
                    facts[row[0]] = _facts_of(row[1:])
                for row in db.execute(
                    "SELECT photo_id, path, rel, file.state, size, mtime_ns FROM file"
                    f" JOIN folder ON folder.id = folder_id WHERE photo_id IN ({marks})"
                    " ORDER BY file.state = 'away', file.state = 'problem', partner_id IS NOT NULL, path, rel",
                    part,
                ):
                    place = Place(path_of(row[1], row[2]), FileState(row[3]), row[4], row[5])
                    places.setdefault(row[0], []).append(place)
        return {p: Photo(p, facts[p], tuple(places[p])) for p in map(int, photo_ids) if p in facts and p in places}

    def id_of_file(self, path: Path) -> int | None:
        """The photo that a file in the library holds, by its path, where the file is known and unchanged."""
        try:
            stat = path.stat()
        except OSError:
            return None
        wanted = os.fsencode(path)
        with self._database.reading() as db:
            for folder_id, folder in db.execute("SELECT id, path FROM folder").fetchall():
                prefix = folder.rstrip(b"/") + b"/"
                if wanted.startswith(prefix):
                    row = db.execute(
                        "SELECT photo_id FROM file WHERE folder_id = ? AND rel = ? AND size = ? AND mtime_ns = ?"
                        " AND state = 'known'",
                        (folder_id, wanted[len(prefix) :], stat.st_size, storable_time(stat.st_mtime_ns)),
                    ).fetchone()
                    if row:
                        return row[0]
        return None


def _row_of(facts: PhotoFacts) -> list[object]:
    return [
        json.dumps(list(facts.keywords), ensure_ascii=False) if name == "keywords" else getattr(facts, name)
        for name in _FACTS
    ]


def _facts_of(row: Sequence) -> PhotoFacts:
    values = dict(zip(_FACTS, row, strict=True))
    values["keywords"] = tuple(json.loads(values["keywords"]))
    return PhotoFacts(**values)
