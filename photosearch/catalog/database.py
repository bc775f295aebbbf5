"""Connections to one SQLite file: a single locked writer, a few pooled readers, and errors told in our own words.

Every write begins with ``BEGIN IMMEDIATE``: a transaction that starts by reading and is then upgraded fails at once
with SQLITE_BUSY_SNAPSHOT instead of waiting. ``isolation_level=None`` keeps Python from opening transactions of its
own, which would not cover ``ALTER TABLE``.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from photosearch.errors import CatalogDamaged, DataFolderUnusable, DiskFull, LibraryBusy, LibraryError, LibraryTooNew

_BUSY_TIMEOUT_S = 5.0
_IDLE_READERS = 4

Migration = Callable[[sqlite3.Connection], None]

_CANNOT_WRITE_BESIDE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
NOT_DAMAGE = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR,
)  # fmt: skip
"""The file could not be used just now; that says nothing about what is in it."""
_OUR_FAULTS = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.IntegrityError)
"""Never a sign of a damaged file: they are mistakes of this program and must reach its log as such."""


def explain(error: sqlite3.Error, path: Path) -> LibraryError:
    """The library error that a SQLite error means."""
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(path)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LibraryBusy(path.parent, "another process")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR):
        return DataFolderUnusable(path.parent, str(error))
    return CatalogDamaged(path, str(error))


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without its details, 0 where Python raised the error itself."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


class Database:
    """One SQLite file in WAL mode.

    migrations: the steps that build the schema, in order; a step's position + 1 is the version it leads to. The step
    and its number land in the same transaction. A file with a higher version is refused, not touched.
    read_only: no writer, no migration; where the folder itself cannot be written and no journal waits, the file is read
    as immutable (SQLite needs a shared-memory file beside a WAL database otherwise).
    before_migration: called with the old version before an existing file is migrated (a place for a backup).
    Raises the LibraryError tree.
    """

    def __init__(
        self,
        path: Path,
        *,
        application_id: int,
        migrations: Sequence[Migration],
        read_only: bool = False,
        before_migration: Callable[[int], None] | None = None,
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._application_id = application_id
        self._write_lock = threading.RLock()
        self._readers: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._closed = False
        self._writer: sqlite3.Connection | None = None
        self._immutable = False
        with self._told():
            if read_only:
                self._open_for_reading(len(migrations))
            else:
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise DataFolderUnusable(path.parent, error.strerror or str(error)) from error
                self._open_for_writing(migrations, before_migration)

    def _open_for_writing(self, migrations: Sequence[Migration], before: Callable[[int], None] | None) -> None:
        writer = sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            version = self._checked_version(writer, len(migrations))
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("PRAGMA synchronous = NORMAL")
            writer.execute("PRAGMA foreign_keys = ON")
            if version and version < len(migrations) and before:
                before(version)
            for number, step in enumerate(migrations[version:], start=version + 1):
                with _transaction(writer):
                    step(writer)
                    writer.execute(f"PRAGMA application_id = {self._application_id}")
                    writer.execute(f"PRAGMA user_version = {number}")
        except BaseException:
            writer.close()
            raise
        self._writer = writer

    def _open_for_reading(self, known: int) -> None:
        if not self.path.exists():
            raise FileNotFoundError(self.path)
        try:
            connection = self._connect_reader()
            try:
                self._checked_version(connection, known)
            except BaseException:
                connection.close()
                raise
        except sqlite3.OperationalError as error:
            journal = self.path.with_name(self.path.name + "-wal")
            if primary_code(error) not in _CANNOT_WRITE_BESIDE or (journal.exists() and journal.stat().st_size):
                raise
            self._immutable = True
            connection = self._connect_reader()
            try:
                self._checked_version(connection, known)
            except BaseException:
                connection.close()
                raise
        self._readers.put(connection)

    def _checked_version(self, connection: sqlite3.Connection, known: int) -> int:
        """The schema version; raises LibraryTooNew, or CatalogDamaged where the file is some other database."""
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        stamp = connection.execute("PRAGMA application_id").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and stamp != self._application_id:
            raise CatalogDamaged(self.path, "it is not a PhotoSearch database")
        if version > known:
            raise LibraryTooNew(self.path, found=version, known=known)
        return version

    def _connect_reader(self) -> sqlite3.Connection:
        options = "?mode=ro&immutable=1" if self._immutable else "?mode=ro"
        return sqlite3.connect(
            self.path.absolute().as_uri() + options,
            uri=True,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except _OUR_FAULTS:
            raise
        except sqlite3.Error as error:
            raise explain(error, self.path) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading: one consistent look, from any thread."""
        with self._told():
            try:
                connection = self._readers.get_nowait()
            except queue.Empty:
                connection = self._connect_reader()
            try:
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
            if self._closed or self._readers.qsize() >= _IDLE_READERS:
                connection.close()
            else:
                self._readers.put(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction on the writer: all of it lands, or none. May be nested; the outermost commits."""
        with self._told(), self._write_lock:
            if self._writer is None:
                raise DataFolderUnusable(self.path.parent, "the library was opened for reading only")
            if self._writer.in_transaction:
                yield self._writer
            else:
                with _transaction(self._writer):
                    yield self._writer

    def copy_to(self, target: Path) -> None:
        """A consistent copy of the whole database, made while it is in use."""
        with self._told(), self.reading() as source:
            source.execute("COMMIT")
            try:
                copy = sqlite3.connect(target)
                try:
                    source.backup(copy)
                finally:
                    copy.close()
            finally:
                source.execute("BEGIN")  # ``reading`` ends what it began; a fault must not hide behind that

    def rest(self) -> None:
        """Let go of the idle readers and of what the writer keeps in memory."""
        self._close_readers()
        with self._told(), self._write_lock:
            if self._writer is not None and not self._writer.in_transaction:
                self._writer.execute("PRAGMA shrink_memory")

    def _close_readers(self) -> None:
        while True:
            try:
                self._readers.get_nowait().close()
            except queue.Empty:
                break

    def close(self) -> None:
        """Fold the journal into the file and let go of it. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._close_readers()
        with self._write_lock:
            if self._writer is not None:
                try:
                    self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                except sqlite3.Error:
                    pass  # a full disk or a reader elsewhere: the journal stays and is read at the next start
                self._writer.close()
                self._writer = None


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A COMMIT that fails may leave the transaction open; every later write would then be taken for a part of it.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
