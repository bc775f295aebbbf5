"""Raw files that belong to the picture beside them: ``IMG_0001.CR2`` with ``IMG_0001.JPG`` is one photo.

A raw file with a partner holds the partner's photo and is never read. Who belongs to whom is worked out anew from the
names after each look at the folders, so that nothing has to be kept in step while files come, go and change.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from photosearch.catalog.database import Database
from photosearch.catalog.files import orphan_photos_without_files
from photosearch.records import FileState

_NOT_RAW = b""
_AT_REST = (FileState.KNOWN, FileState.AWAY)

# Names below one stem ("IMG_0001.") are one range of the index on (folder_id, rel), for '/' follows '.' in byte order.
_RAW_FILES_AND_WHAT_LIES_BESIDE = """
    SELECT raw.id, raw.state, raw.photo_id, raw.partner_id, beside.id, beside.photo_id,
        substr(beside.rel, length(raw.raw_stem) + 1)
    FROM file AS raw LEFT JOIN file AS beside ON beside.folder_id = raw.folder_id AND beside.rel > raw.raw_stem
        AND beside.rel < CAST(substr(raw.raw_stem, 1, length(raw.raw_stem) - 1) || '/' AS BLOB)
        AND (beside.photo_id IS NOT NULL OR beside.state = 'pending')
    WHERE raw.raw_stem > x'' ORDER BY raw.id"""
_PAIRED = "SELECT id, state, photo_id, partner_id, NULL, NULL, NULL FROM file WHERE partner_id IS NOT NULL"


_UNWANTED = ("SELECT 1 FROM file WHERE partner_id IS NOT NULL",)
_STALE = (
    "SELECT 1 FROM file WHERE raw_stem IS NULL",
    "SELECT 1 FROM file WHERE state = 'pending' AND partner_id IS NOT NULL",
    "SELECT 1 FROM file AS raw WHERE partner_id IS NOT NULL AND state != 'away'"
    " AND NOT EXISTS (SELECT 1 FROM file WHERE id = raw.partner_id)",
)


class Pairs:
    """The columns ``raw_stem`` and ``partner_id`` of ``file``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stale(self, *, wanted: bool) -> bool:
        """Whether `update` has something to do though no file came, went or changed: the user's wish changed, a run
        was broken off, or a partner was forgotten. Quick also with 100,000 files."""
        with self._database.reading() as db:
            return any(db.execute(f"SELECT EXISTS ({q})").fetchone()[0] for q in (_STALE if wanted else _UNWANTED))

    def update(
        self, *, wanted: bool, raw_stem: Callable[[bytes], bytes | None], partner_extensions: Sequence[str]
    ) -> int:
        """Give every raw file the partner that its name says, or none where pairs are not wanted.

        raw_stem: of a raw file's relative path all up to the extension, with the dot; None for any other file.
        partner_extensions: without the dot, lower case, the preferred one first.
        Returns how many raw files changed. A partner is a file that holds a photo or has still to be read; a raw file
        that loses its partner becomes pending, and keeps the partner's photo until it was read itself.
        """
        changed = 0
        left: list[int] = []
        with self._database.writing() as db:
            if not wanted:
                # As if no name had been looked at: that is also how a change of mind is noticed.
                db.execute("UPDATE file SET raw_stem = NULL WHERE raw_stem > x''")
            unnamed = db.execute("SELECT id, rel FROM file WHERE raw_stem IS NULL").fetchall() if wanted else []
            db.executemany(
                "UPDATE file SET raw_stem = ? WHERE id = ?",
                ((raw_stem(rel) or _NOT_RAW, file_id) for file_id, rel in unnamed),
            )
            found = db.execute(_RAW_FILES_AND_WHAT_LIES_BESIDE if wanted else _PAIRED).fetchall()
            rank = {name.encode(): place for place, name in enumerate(partner_extensions)}
            for file_id, rows in itertools.groupby(found, key=lambda row: row[0]):
                state, photo_id, before, partner, partner_photo = _best(rows, rank)
                if partner is None:
                    if before is None or state == FileState.AWAY:
                        continue  # what is away waits until it is back
                    db.execute(
                        "UPDATE file SET partner_id = NULL, state = ? WHERE id = ?", (FileState.PENDING, file_id)
                    )
                else:
                    # A partner that was not read yet has nothing to give: until then all stays as it is.
                    done = partner_photo is None or (photo_id == partner_photo and state in _AT_REST)
                    if before == partner and done:
                        continue
                    db.execute("UPDATE file SET partner_id = ? WHERE id = ?", (partner, file_id))
                    if not done:
                        now = state if state == FileState.AWAY else FileState.KNOWN
                        db.execute(
                            "UPDATE file SET photo_id = ?, state = ? WHERE id = ?", (partner_photo, now, file_id)
                        )
                        db.execute("DELETE FROM problem WHERE file_id = ?", (file_id,))
                        if photo_id is not None and photo_id != partner_photo:
                            left.append(photo_id)
                changed += 1
            orphan_photos_without_files(db, left, now=time.time())
        return changed


def _best(rows: Iterable[tuple], rank: Mapping[bytes, int]) -> tuple:
    """State, photo and partner of a raw file, and of all that lies beside it the id and photo of the best partner."""
    best, best_rank = None, len(rank)
    for row in rows:
        here = rank.get((row[6] or b"").lower(), len(rank))
        if best is None or here < best_rank:
            best, best_rank = row, here
    assert best is not None
    return (*best[1:4], *(best[4:6] if best_rank < len(rank) else (None, None)))
