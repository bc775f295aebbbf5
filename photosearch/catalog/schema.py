"""The catalog's tables, as a list of steps. Append only: a step's position + 1 is the version it leads to."""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x50685372  # "PhSr"


def _create(db: sqlite3.Connection) -> None:
    """Names of files and folders are BLOBs, for they need not be UTF-8; the texts beside them are for people."""
    for statement in (
        """CREATE TABLE folder (
            id INTEGER PRIMARY KEY,
            path BLOB NOT NULL UNIQUE,
            state TEXT NOT NULL DEFAULT 'here',
            device INTEGER,
            inode INTEGER
        )""",
        """CREATE TABLE exclude (
            folder_id INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,
            rel BLOB NOT NULL,
            PRIMARY KEY (folder_id, rel)
        ) WITHOUT ROWID""",
        # AUTOINCREMENT: an id is also the key in the vector index and must never be used again.
        """CREATE TABLE photo (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            hash BLOB NOT NULL UNIQUE,
            bytes INTEGER NOT NULL,
            format TEXT NOT NULL,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            taken TEXT, taken_offset TEXT, taken_source TEXT,
            camera TEXT, lens TEXT,
            exposure_seconds REAL, f_number REAL, iso INTEGER, focal_length_mm REAL,
            latitude REAL, longitude REAL,
            title TEXT, description TEXT, keywords TEXT NOT NULL DEFAULT '[]', rating INTEGER,
            orphaned_at REAL
        )""",
        "CREATE INDEX photo_by_bytes ON photo (bytes)",
        "CREATE INDEX photo_by_date ON photo (taken)",
        "CREATE INDEX photo_orphaned ON photo (orphaned_at) WHERE orphaned_at IS NOT NULL",
        """CREATE TABLE file (
            id INTEGER PRIMARY KEY,
            folder_id INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,
            rel BLOB NOT NULL,
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            device INTEGER NOT NULL,
            inode INTEGER NOT NULL,
            state TEXT NOT NULL,
            photo_id INTEGER REFERENCES photo,
            UNIQUE (folder_id, rel)
        )""",
        "CREATE INDEX file_by_photo ON file (photo_id)",
        "CREATE INDEX file_waiting ON file (state) WHERE state = 'pending'",
        """CREATE TABLE problem (
            file_id INTEGER PRIMARY KEY REFERENCES file ON DELETE CASCADE,
            code TEXT NOT NULL,
            sentence TEXT NOT NULL,
            seen_at REAL NOT NULL
        )""",
        """CREATE TABLE model (
            id INTEGER PRIMARY KEY,
            identity TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            dim INTEGER NOT NULL
        )""",
        # Not WITHOUT ROWID: such a table gives each row of this size a page of its own, 4 KB for 1 KB.
        """CREATE TABLE embedding (
            model_id INTEGER NOT NULL REFERENCES model,
            photo_id INTEGER NOT NULL REFERENCES photo ON DELETE CASCADE,
            vector BLOB NOT NULL,
            PRIMARY KEY (model_id, photo_id)
        )""",
        "CREATE INDEX embedding_by_photo ON embedding (photo_id)",
    ):
        db.execute(statement)


def _pair_raw_files(db: sqlite3.Connection) -> None:
    """``raw_stem``: NULL where the name was not looked at yet, empty where it is no raw file's, else all up to the
    extension. ``partner_id``: the file beside a raw file whose photo it holds; it may be gone, so it is no reference.
    Old rows stay NULL; the next run fills them."""
    for statement in (
        "ALTER TABLE file ADD COLUMN raw_stem BLOB",
        "ALTER TABLE file ADD COLUMN partner_id INTEGER",
        "CREATE INDEX file_unnamed ON file (id) WHERE raw_stem IS NULL",
        "CREATE INDEX file_raw ON file (id) WHERE raw_stem > x''",
        "CREATE INDEX file_paired ON file (id) WHERE partner_id IS NOT NULL",
    ):
        db.execute(statement)


MIGRATIONS = (_create, _pair_raw_files)
