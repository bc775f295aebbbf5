"""The files in the folders: what a scan found, what waits to be read, what could not be read."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from photosearch.catalog.database import Database
from photosearch.errors import ProblemCode
from photosearch.records import Account, FileState, Problem

_UNKNOWN_PROBLEM = "unknown"
"""A file whose reason was lost; it still has its place in the account."""
_UNKNOWN_TIME = -(2**62)
"""The year 1823, which no file has: the file will differ from what is remembered of it."""


class FileStat(NamedTuple):
    """What one ``stat`` says of a file; a change of any of them means: look again."""

    size: int
    mtime_ns: int
    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileStat:
        """Numbers are brought into SQLite's range: file systems made of others (mergerfs) use all 64 bits of an inode,
        Windows 128, and a broken clock leaves times beyond the year 2262."""
        return cls(
            status.st_size, storable_time(status.st_mtime_ns), storable_id(status.st_dev), storable_id(status.st_ino)
        )


class FileRow(NamedTuple):
    """A file as the catalog remembers it."""

    id: int
    stat: FileStat
    state: FileState
    photo_id: int | None


class UsualRow(NamedTuple):
    """The same, short where it is as usual: a look at a library makes one of every file, and compares most only.

    other_device: the device, None for the one that was asked for. other_state: the state, None for ``known``.
    """

    rel: bytes
    id: int
    size: int
    mtime_ns: int
    inode: int
    other_device: int | None
    other_state: str | None


class WorkItem(NamedTuple):
    """A file that waits to be read. ``known``: hashes of photos of just its size, which need no decoding. ``photo_id``:
    the photo it held when it was last read, if any."""

    file_id: int
    path: Path
    size: int
    mtime_ns: int
    known: frozenset[bytes]
    photo_id: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    files: int
    photos: int
    searchable: int
    pending: int
    problems: int
    away: int
    account: Account


class Files:
    """Rows of ``file`` and ``problem``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def snapshot(self, folder_id: int, *, under: bytes = b"") -> dict[bytes, FileRow]:
        """Every file known in a folder (or below ``under``), by relative path."""
        where, values = below(under)
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT rel, id, size, mtime_ns, device, inode, state, photo_id FROM file"
                f" WHERE folder_id = ? AND {where}",
                (folder_id, *values),
            ).fetchall()
        states = {s.value: s for s in FileState}
        return {r[0]: FileRow(r[1], FileStat(*r[2:6]), states[r[6]], r[7]) for r in rows}

    def usual_rows(self, folder_id: int, *, under: bytes = b"", device: int) -> dict[bytes, tuple]:
        """Every file known in a folder (or below ``under``), by relative path, in the form of UsualRow."""
        where, values = below(under)
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT rel, id, size, mtime_ns, inode, nullif(device, ?), nullif(state, 'known') FROM file"
                f" WHERE folder_id = ? AND {where}",
                (device, folder_id, *values),
            )
            return {row[0]: row for row in rows}

    def count_of(self, folder_id: int) -> tuple[int, int]:
        """How many files are known in a folder, and how many of them are away."""
        with self._database.reading() as db:
            return db.execute(
                "SELECT count(*), count(*) FILTER (WHERE state = 'away') FROM file WHERE folder_id = ?", (folder_id,)
            ).fetchone()

    def add(self, folder_id: int, found: Iterable[tuple[bytes, FileStat]]) -> None:
        """New files, to be read. None are added to a folder that was removed meanwhile."""
        with self._database.writing() as db:
            if db.execute("SELECT 1 FROM folder WHERE id = ?", (folder_id,)).fetchone() is None:
                return
            db.executemany(
                "INSERT INTO file (folder_id, rel, size, mtime_ns, device, inode, state) VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (folder_id, rel) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,"
                " device = excluded.device, inode = excluded.inode, state = excluded.state",
                ((folder_id, rel, *stat, FileState.PENDING) for rel, stat in found),
            )

    def touch(self, changed: Iterable[tuple[int, FileStat]]) -> None:
        """Files whose content may differ: to be read again. What was known of them stays until then."""
        with self._database.writing() as db:
            db.executemany(
                "UPDATE file SET size = ?, mtime_ns = ?, device = ?, inode = ?, state = ? WHERE id = ?",
                ((*stat, FileState.PENDING, file_id) for file_id, stat in changed),
            )

    def touch_links(self, files: Iterable[FileStat]) -> int:
        """Other names of these files (hard links), where what is known of them is older: to be read again. Returns how
        many."""
        with self._database.writing() as db:
            return sum(
                db.execute(
                    "UPDATE file SET size = ?, mtime_ns = ?, state = 'pending' WHERE device = ? AND inode = ?"
                    " AND (size != ? OR mtime_ns != ?) AND state != 'away'",
                    (*stat, stat.size, stat.mtime_ns),
                ).rowcount
                for stat in files
            )

    def renumber(self, files: Iterable[tuple[int, FileStat]]) -> None:
        """The same files under other device or inode numbers, which many file systems give out anew at each mount."""
        with self._database.writing() as db:
            db.executemany(
                "UPDATE file SET device = ?, inode = ? WHERE id = ?",
                ((stat.device, stat.inode, file_id) for file_id, stat in files),
            )

    def move(self, moves: Iterable[tuple[int, int, bytes, FileStat]]) -> None:
        """(file id, new folder id, new relative path, stat): the same file under another name."""
        with self._database.writing() as db:
            for file_id, folder_id, rel, stat in moves:
                if db.execute("SELECT 1 FROM folder WHERE id = ?", (folder_id,)).fetchone() is None:
                    continue
                db.execute("DELETE FROM file WHERE folder_id = ? AND rel = ? AND id != ?", (folder_id, rel, file_id))
                db.execute(
                    "UPDATE file SET folder_id = ?, rel = ?, raw_stem = NULL, size = ?, mtime_ns = ?,"
                    " device = ?, inode = ?,"
                    " state = CASE WHEN state = ? THEN CASE WHEN photo_id IS NULL THEN ? ELSE ? END ELSE state END"
                    " WHERE id = ?",
                    (folder_id, rel, *stat, FileState.AWAY, FileState.PENDING, FileState.KNOWN, file_id),
                )

    def remove(self, file_ids: Sequence[int]) -> None:
        """Files that are gone. A photo left without files stays for a while, out of sight."""
        with self._database.writing() as db:
            photos = []
            for part in chunks(file_ids):
                marks = ",".join("?" * len(part))
                photos += [r[0] for r in db.execute(f"SELECT DISTINCT photo_id FROM file WHERE id IN ({marks})", part)]
                db.execute(f"DELETE FROM file WHERE id IN ({marks})", part)
            orphan_photos_without_files(db, photos, now=time.time())

    def set_away(self, folder_id: int, *, file_ids: Sequence[int] | None = None) -> None:
        """The folder (or some of its files) is not there now: nothing is forgotten.

        A file that was changed and not read yet loses its known time, so that it is read when it comes back.
        """
        update = (
            "UPDATE file SET state = 'away',"
            f" mtime_ns = CASE WHEN state = 'pending' THEN {_UNKNOWN_TIME} ELSE mtime_ns END"
        )
        with self._database.writing() as db:
            if file_ids is None:
                db.execute(f"{update} WHERE folder_id = ?", (folder_id,))
            else:
                for part in chunks(file_ids):
                    marks = ",".join("?" * len(part))
                    db.execute(f"{update} WHERE id IN ({marks})", part)

    def forget_found_elsewhere(self) -> int:
        """Missing files of folders that are here, whose photo is at another place now: they moved, and are no longer
        missing. A raw file beside a JPEG does not hold the JPEG's photo. Returns how many."""
        with self._database.writing() as db:
            return db.execute(
                "DELETE FROM file WHERE state = 'away' AND folder_id IN (SELECT id FROM folder WHERE state = 'here')"
                " AND EXISTS (SELECT 1 FROM file AS other WHERE other.photo_id = file.photo_id"
                " AND other.state = 'known' AND other.partner_id IS NULL)"
            ).rowcount

    def set_back(self, file_ids: Sequence[int]) -> None:
        """Files that were away are there again, unchanged."""
        with self._database.writing() as db:
            for part in chunks(file_ids):
                marks = ",".join("?" * len(part))
                db.execute(
                    "UPDATE file SET state = CASE WHEN id IN (SELECT file_id FROM problem) THEN ?"
                    f" WHEN photo_id IS NULL THEN ? ELSE ? END WHERE id IN ({marks})",
                    (FileState.PROBLEM, FileState.PENDING, FileState.KNOWN, *part),
                )

    def work(self, model_id: int) -> list[WorkItem]:
        """What waits to be read for this model, newest first: new and changed files, and one file of each photo
        that has no embedding of the model yet. Raw files with a partner are left out."""
        with self._database.reading() as db:
            columns = "folder.path, rel, size, mtime_ns, photo_id FROM file JOIN folder ON folder.id = folder_id"
            rows = db.execute(
                f"SELECT file.id, {columns}"
                " WHERE file.state = 'pending' AND partner_id IS NULL AND folder.state = 'here'"
                " UNION ALL"
                f" SELECT min(file.id), {columns}"
                " WHERE file.state = 'known' AND partner_id IS NULL AND folder.state = 'here' AND photo_id IN"
                " (SELECT id FROM photo EXCEPT SELECT photo_id FROM embedding WHERE model_id = ?) GROUP BY photo_id",
                (model_id,),
            ).fetchall()
            known: dict[int, set[bytes]] = {r[3]: set() for r in rows}
            contents = "SELECT bytes, hash FROM photo JOIN embedding ON photo_id = photo.id AND model_id = ?"
            for size, digest in db.execute(contents, (model_id,)) if rows else ():
                if size in known:
                    known[size].add(digest)
        rows.sort(key=lambda r: r[4], reverse=True)
        return [WorkItem(r[0], path_of(r[1], r[2]), r[3], r[4], frozenset(known[r[3]]), r[5]) for r in rows]

    def retry(self, codes: Sequence[ProblemCode], *, file_ids: Sequence[int] | None = None) -> int:
        """Files (all, or those among the ids) with one of these problems are to be read again; returns how many."""
        marks = ",".join("?" * len(codes))
        update = (
            f"UPDATE file SET state = ? WHERE state = ? AND id IN (SELECT file_id FROM problem WHERE code IN ({marks}))"
        )
        values = (FileState.PENDING, FileState.PROBLEM, *codes)
        with self._database.writing() as db:
            if file_ids is None:
                return db.execute(update, values).rowcount
            return sum(
                db.execute(f"{update} AND id IN ({','.join('?' * len(part))})", (*values, *part)).rowcount
                for part in chunks(file_ids)
            )

    def record_problems(self, problems: Iterable[tuple[int, ProblemCode, str]]) -> None:
        """(file id, code, sentence).

        A file that cannot be read *now* keeps its photo, and so does one that did not change since it was read (then
        another model or another limit makes the problem); a changed file that is broken loses it.
        """
        now = time.time()
        with self._database.writing() as db:
            for file_id, code, sentence in problems:
                row = db.execute("SELECT photo_id, state FROM file WHERE id = ?", (file_id,)).fetchone()
                if row is None:
                    continue
                db.execute(
                    "INSERT INTO problem VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET code = excluded.code,"
                    " sentence = excluded.sentence, seen_at = excluded.seen_at",
                    (file_id, code, sentence.encode(errors="replace").decode(), now),
                )
                if code.transient or row[1] == FileState.KNOWN:
                    db.execute("UPDATE file SET state = ? WHERE id = ?", (FileState.PROBLEM, file_id))
                else:
                    db.execute("UPDATE file SET state = ?, photo_id = NULL WHERE id = ?", (FileState.PROBLEM, file_id))
                    if row[0] is not None:
                        orphan_photos_without_files(db, [row[0]], now=now)

    def problems(self) -> list[Problem]:
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT path, rel, code, sentence, seen_at FROM problem JOIN file ON file.id = file_id"
                " JOIN folder ON folder.id = folder_id WHERE file.state = 'problem' ORDER BY path, rel"
            ).fetchall()
        return [Problem(path_of(r[0], r[1]), r[2], r[3], r[4]) for r in rows]

    def counts(self, model_id: int | None) -> Counts:
        """The account of the library: files by state, photos, and those with an embedding of the model."""
        with self._database.reading() as db:
            states = dict(db.execute("SELECT state, count(*) FROM file GROUP BY state").fetchall())
            codes = db.execute(
                "SELECT code, count(*) FROM problem JOIN file ON id = file_id WHERE state = 'problem' GROUP BY code"
            ).fetchall()
            found, held = db.execute(
                "SELECT count(*), count(DISTINCT photo_id) FROM file WHERE state = 'known' AND EXISTS"
                " (SELECT 1 FROM embedding WHERE embedding.photo_id = file.photo_id AND model_id = ?)",
                (model_id,),
            ).fetchone()
            photos = db.execute("SELECT count(*) FROM photo WHERE orphaned_at IS NULL").fetchone()[0]
            searchable = db.execute(
                "SELECT count(*) FROM embedding JOIN photo ON photo.id = photo_id"
                " WHERE model_id = ? AND orphaned_at IS NULL",
                (model_id,),
            ).fetchone()[0]
        problems = dict(codes)
        in_trouble = states.get(FileState.PROBLEM, 0)
        if lost := in_trouble - sum(problems.values()):
            problems[_UNKNOWN_PROBLEM] = lost
        pending, away = states.get(FileState.PENDING, 0), states.get(FileState.AWAY, 0)
        total = sum(states.values())
        return Counts(
            files=total,
            photos=photos,
            searchable=searchable,
            pending=pending,
            problems=in_trouble,
            away=away,
            account=Account(
                files=total,
                searchable=found,
                waiting=pending + states.get(FileState.KNOWN, 0) - found,
                away=away,
                problems=problems,
                copies=found - held,
            ),
        )


def storable_time(mtime_ns: int) -> int:
    return max(_UNKNOWN_TIME + 1, min(2**63 - 1, mtime_ns))


def storable_id(number: int) -> int:
    """63 bits of a device or inode number; what is lost could only make two numbers look alike."""
    return number & (2**63 - 1)


def below(rel: bytes) -> tuple[str, tuple[bytes, ...]]:
    """A condition on ``rel`` for the place itself and all below it, as SQL and values. b"" means everything."""
    if not rel:
        return "1", ()
    # '0' follows '/' in byte order, so this is the range of all names that begin with "rel/".
    return "(rel = ? OR (rel > ? AND rel < ?))", (rel, rel + b"/", rel + b"0")


def path_of(folder: bytes, rel: bytes) -> Path:
    return Path(os.fsdecode(folder)) / os.fsdecode(rel)


def orphan_photos_without_files(db: sqlite3.Connection, photo_ids: Iterable[int | None], *, now: float) -> None:
    """Photos that no file holds any more go out of sight; what is known of them is kept until they are purged."""
    db.executemany(
        "UPDATE photo SET orphaned_at = ? WHERE id = ? AND NOT EXISTS (SELECT 1 FROM file WHERE photo_id = photo.id)",
        ((now, p) for p in photo_ids if p is not None),
    )


def chunks(values: Sequence[int], size: int = 10_000) -> Iterable[Sequence[int]]:
    """The values in parts that fit into one statement."""
    return (values[i : i + size] for i in range(0, len(values), size))
