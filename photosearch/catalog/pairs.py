"""Raw files that belong to the picture beside them: ``IMG_0001.CR2`` with ``IMG_0001.JPG`` is one photo.

A raw file with a partner holds the partner's photo and is never read. Who belongs to whom is worked out anew from the
names after each look at the folders, so that nothing has to be kept in step while files come, go and change.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from photosearch.catalog.database import Database
from photosearch.catalog.files import orphan_photos_without_files
from photosearch.records import FileState

_NOT_RAW = b""
_AT_REST = (FileState.KNOWN, FileState.AWAY)

# Names below one stem ("IMG_0001.") are one range of the index on (folder_id, rel), for '/' follows '.' in byte order.
_RAW_FILES_AND_PARTNERS = """
    WITH ending (name, rank) AS (VALUES {rows})
    SELECT raw.id, raw.state, raw.photo_id, raw.partner_id, beside.id, beside.photo_id FROM file AS raw
    LEFT JOIN (file AS beside JOIN ending) ON beside.folder_id = raw.folder_id AND beside.rel > raw.raw_stem
        AND beside.rel < CAST(substr(raw.raw_stem, 1, length(raw.raw_stem) - 1) || '/' AS BLOB)
        AND lower(CAST(substr(beside.rel, length(raw.raw_stem) + 1) AS TEXT)) = ending.name
        AND (beside.photo_id IS NOT NULL OR beside.state = 'pending')
    WHERE raw.raw_stem > x'' ORDER BY raw.id, rank, beside.rel"""
_PAIRED = "SELECT id, state, photo_id, partner_id, NULL, NULL FROM file WHERE partner_id IS NOT NULL"


class Pairs:
    """The columns ``raw_stem`` and ``partner_id`` of ``file``."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
            unnamed = db.execute("SELECT id, rel FROM file WHERE raw_stem IS NULL").fetchall()
            db.executemany(
                "UPDATE file SET raw_stem = ? WHERE id = ?",
                ((raw_stem(rel) or _NOT_RAW, file_id) for file_id, rel in unnamed),
            )
            if wanted:
                rows = ", ".join(f"(?, {rank})" for rank in range(len(partner_extensions)))
                found = db.execute(_RAW_FILES_AND_PARTNERS.format(rows=rows), partner_extensions).fetchall()
            else:
                found = db.execute(_PAIRED).fetchall()
            last = None
            for file_id, state, photo_id, before, partner, partner_photo in found:
                if file_id == last:
                    continue  # a partner that is preferred less
                last = file_id
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
