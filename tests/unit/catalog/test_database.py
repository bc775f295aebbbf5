from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from photosearch.catalog import Catalog
from photosearch.catalog.database import Database
from photosearch.errors import CatalogDamaged, DataFolderUnusable, DiskFull, LibraryBusy, LibraryTooNew
from tests.small_library import KnownFolder, full_disk, run_without_root_powers, unmount

APPLICATION = 0x1234


def _table(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE item (value)")


def database(path: Path, *steps, **options) -> Database:
    return Database(path, application_id=APPLICATION, migrations=steps or (_table,), **options)


@pytest.fixture
def items(tmp_path: Path):
    opened = database(tmp_path / "items.sqlite3")
    yield opened
    opened.close()


def values(opened: Database) -> list:
    with opened.reading() as db:
        return [row[0] for row in db.execute("SELECT value FROM item ORDER BY rowid")]


def insert(opened: Database, value: object) -> None:
    with opened.writing() as db:
        db.execute("INSERT INTO item VALUES (?)", (value,))


def test_a_block_that_raises_changes_nothing_not_even_a_table(items):
    insert(items, 1)
    with pytest.raises(KeyError), items.writing() as db:
        db.execute("INSERT INTO item VALUES (2)")
        db.execute("CREATE TABLE other (x)")
        db.execute("ALTER TABLE item ADD COLUMN extra")
        raise KeyError
    assert values(items) == [1]
    with items.reading() as db:
        assert [r[1] for r in db.execute("PRAGMA table_info(item)")] == ["value"]
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'other'").fetchone()[0] == 0


def test_nested_writes_are_one_transaction(items):
    with pytest.raises(KeyError), items.writing():
        insert(items, 1)
        raise KeyError
    assert values(items) == []


def test_a_commit_that_fails_leaves_no_transaction_open(tmp_path):
    def with_parent(db):
        db.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        db.execute("CREATE TABLE item (value REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")

    opened = database(tmp_path / "x.sqlite3", with_parent)
    with pytest.raises(sqlite3.IntegrityError):  # found at COMMIT, for the constraint is deferred
        insert(opened, 5)
    with opened.writing() as db:
        db.execute("INSERT INTO parent VALUES (7)")
    with opened.reading() as db:
        assert db.execute("SELECT id FROM parent").fetchall() == [(7,)]
    opened.close()


def test_a_mistake_of_ours_is_not_called_damage(items):
    with pytest.raises(sqlite3.ProgrammingError), items.reading() as db:
        db.execute("SELECT ?", ())


def test_a_reader_keeps_one_look_while_another_writes(items):
    insert(items, 1)
    with items.reading() as db:
        assert db.execute("SELECT count(*) FROM item").fetchone() == (1,)
        insert(items, 2)
        assert db.execute("SELECT count(*) FROM item").fetchone() == (1,)
    assert values(items) == [1, 2]


def test_many_threads_may_write_and_read_at_once(items):
    faults = []

    def work(number: int) -> None:
        try:
            for i in range(20):
                insert(items, number * 100 + i)
                values(items)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(values(items)) == 80


def test_closing_folds_the_journal_into_the_file_and_may_be_repeated(items):
    insert(items, 1)
    items.close()
    items.close()
    assert sorted(p.name for p in items.path.parent.iterdir()) == ["items.sqlite3"]


def test_a_step_that_fails_leaves_the_old_version_whole_and_is_run_again(tmp_path):
    path = tmp_path / "x.sqlite3"
    database(path).close()

    def half(db):
        db.execute("ALTER TABLE item ADD COLUMN extra")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        database(path, _table, half)
    opened = database(path, _table, lambda db: db.execute("ALTER TABLE item ADD COLUMN extra"))
    with opened.reading() as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        assert [r[1] for r in db.execute("PRAGMA table_info(item)")] == ["value", "extra"]
    opened.close()


def test_the_old_file_is_offered_for_a_backup_before_it_is_migrated_and_a_new_one_is_not(tmp_path):
    asked = []
    path = tmp_path / "x.sqlite3"
    database(path, before_migration=asked.append).close()
    database(path, _table, lambda db: None, before_migration=asked.append).close()
    assert asked == [1]


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_version_is_refused_and_the_file_is_as_it_was(tmp_path, read_only):
    path = tmp_path / "x.sqlite3"
    database(path, _table, lambda db: None).close()
    before = path.read_bytes()
    with pytest.raises(LibraryTooNew) as refused:
        database(path, read_only=read_only)
    assert (refused.value.found, refused.value.known) == (2, 1)
    assert path.read_bytes() == before
    if not read_only:
        assert [p.name for p in tmp_path.iterdir()] == ["x.sqlite3"]


@pytest.mark.parametrize("read_only", [False, True])
def test_the_database_of_another_program_is_refused_and_as_it_was(tmp_path, read_only):
    path = tmp_path / "x.sqlite3"
    foreign = sqlite3.connect(path)
    foreign.execute("CREATE TABLE theirs (x)")
    foreign.close()
    before = path.read_bytes()
    with pytest.raises(CatalogDamaged, match="not a PhotoSearch database"):
        database(path, read_only=read_only)
    assert path.read_bytes() == before


def test_garbage_is_called_damaged_and_kept(tmp_path):
    path = tmp_path / "x.sqlite3"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(CatalogDamaged, match=r"doctor --repair"):
        database(path)
    assert path.read_bytes().startswith(b"this is no")


def test_a_truncated_file_is_called_damaged_at_the_latest_when_it_is_read(tmp_path):
    path = tmp_path / "x.sqlite3"
    opened = database(path)
    with opened.writing() as db:
        db.executemany("INSERT INTO item VALUES (?)", ((str(i) * 20,) for i in range(5000)))
    opened.close()
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(CatalogDamaged):
        damaged = database(path)
        try:
            values(damaged)
        finally:
            damaged.close()


def test_another_writer_that_does_not_let_go_is_told_as_busy(items, monkeypatch):
    monkeypatch.setattr("photosearch.catalog.database._BUSY_TIMEOUT_S", 0.05)
    hurried = database(items.path)
    with items.writing(), pytest.raises(LibraryBusy), hurried.writing():
        pass
    hurried.close()


def test_reading_only_works_beside_a_writer_and_sees_what_it_commits(items):
    reader = database(items.path, read_only=True)
    insert(items, 1)
    assert values(reader) == [1]
    with pytest.raises(DataFolderUnusable, match="reading only"):
        insert(reader, 2)
    reader.close()


def test_reading_only_needs_a_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        database(tmp_path / "none.sqlite3", read_only=True)
    assert list(tmp_path.iterdir()) == []


_READ_ONLY = """
import sys
from pathlib import Path
from photosearch.catalog.database import Database
from photosearch.errors import LibraryError
try:
    opened = Database(Path(sys.argv[1]), application_id=0x1234, migrations=(None,), read_only=True)
    with opened.reading() as db:
        print(db.execute("SELECT value FROM item").fetchall())
    opened.close()
except LibraryError as error:
    print(type(error).__name__)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.name != "posix", reason="permissions of POSIX")
def test_a_folder_that_cannot_be_written_can_still_be_read(tmp_path):
    place = tmp_path / "medium"
    opened = database(place / "x.sqlite3")
    insert(opened, 1)
    opened.close()
    place.chmod(0o555)
    try:
        done = run_without_root_powers(_READ_ONLY, str(place / "x.sqlite3"))
    finally:
        place.chmod(0o755)
    assert (done.stdout.strip(), done.returncode) == ("[(1,)]", 0), done.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.name != "posix", reason="permissions of POSIX")
def test_an_unfinished_journal_on_a_medium_that_cannot_be_written_is_not_ignored(tmp_path):
    place = tmp_path / "medium"
    place.mkdir()
    opened = database(tmp_path / "x.sqlite3")
    insert(opened, 1)
    for name in ("x.sqlite3", "x.sqlite3-wal"):  # without -shm, as a crash and a copy leave it
        shutil.copy(tmp_path / name, place)
    opened.close()
    place.chmod(0o555)
    try:
        done = run_without_root_powers(_READ_ONLY, str(place / "x.sqlite3"))
    finally:
        place.chmod(0o755)
    assert done.stdout.strip() == "DataFolderUnusable", done.stderr


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataFolderUnusable) as told:
        database(tmp_path / "file" / "below" / "x.sqlite3")
    assert told.value.path == tmp_path / "file" / "below"


def test_a_full_database_is_told_as_a_full_disk_and_loses_nothing(items):
    insert(items, 1)
    with items.writing() as db:
        db.execute("PRAGMA max_page_count = 1")
    with pytest.raises(DiskFull), items.writing() as db:
        db.executemany("INSERT INTO item VALUES (?)", (("x" * 5000,) for _ in range(50)))
    assert values(items) == [1]


def test_a_full_disk_is_told_as_such_by_writing_and_by_the_backup(tmp_path):
    disk = tmp_path / "disk"
    if not full_disk(disk, size="400k"):
        pytest.skip("mounting a tiny disk needs root on Linux")
    try:
        catalog = Catalog(disk / "catalog.sqlite3", backups=disk / "backups")
        try:
            folder = KnownFolder(catalog, Path("/photos"))
            with pytest.raises(DiskFull):
                folder.add(*(b"%0200d.jpg" % n for n in range(3000)))
            assert catalog.files.snapshot(folder.id) == {}
            with pytest.raises(DiskFull):
                catalog.back_up_daily()
            assert list((disk / "backups").iterdir()) == []
            folder.add(b"small.jpg")
        finally:
            catalog.close()
    finally:
        unmount(disk)
