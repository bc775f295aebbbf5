from __future__ import annotations

import sqlite3

from photosearch.catalog import Catalog
from photosearch.catalog.schema import APPLICATION_ID, MIGRATIONS
from photosearch.media.formats import PARTNER_EXTENSIONS, raw_stem

TESTED_STEPS = {
    "_create": "test_step_1_makes_every_table",
    "_pair_raw_files": "test_step_2_keeps_every_file_and_looks_at_its_name_later",
}
"""Each step of MIGRATIONS and the test here that builds the state before it and checks the state after it."""


def test_every_step_of_the_schema_has_a_test():
    assert [step.__name__ for step in MIGRATIONS] == list(TESTED_STEPS), (
        "a step was added: write a test that builds the old state first, and name it in TESTED_STEPS"
    )
    assert all(name in globals() for name in TESTED_STEPS.values())


def test_step_1_makes_every_table(tmp_path):
    path = tmp_path / "catalog.sqlite3"
    Catalog(path, backups=tmp_path / "backups").close()
    db = sqlite3.connect(path)
    tables = {r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    version = db.execute("PRAGMA user_version").fetchone()[0]
    stamp = db.execute("PRAGMA application_id").fetchone()[0]
    db.close()
    assert {"folder", "exclude", "file", "photo", "problem", "model", "embedding"} <= tables
    assert (version, stamp) == (len(MIGRATIONS), APPLICATION_ID)


def test_step_2_keeps_every_file_and_looks_at_its_name_later(tmp_path, monkeypatch):
    path = tmp_path / "catalog.sqlite3"
    with monkeypatch.context() as before:
        before.setattr("photosearch.catalog.catalog.MIGRATIONS", MIGRATIONS[:1])
        old = Catalog(path, backups=tmp_path / "backups")
        with old.database.writing() as db:
            db.execute("INSERT INTO folder (id, path) VALUES (1, ?)", (b"/photos",))
            db.executemany(
                "INSERT INTO file (folder_id, rel, size, mtime_ns, device, inode, state) VALUES (1, ?, 1, 1, 1, 1, ?)",
                [(b"a.cr2", "problem"), (b"a.jpg", "pending")],
            )
        old.close()
    catalog = Catalog(path, backups=tmp_path / "backups")
    names = {rel: row.state.value for rel, row in catalog.files.snapshot(1).items()}
    changed = catalog.pairs.update(wanted=True, raw_stem=raw_stem, partner_extensions=PARTNER_EXTENSIONS)
    waiting = [item.path.name for item in catalog.files.work(-1)]
    catalog.close()
    assert names == {b"a.cr2": "problem", b"a.jpg": "pending"}
    assert (changed, waiting) == (1, ["a.jpg"])


def test_a_migration_of_an_existing_catalog_is_preceded_by_a_copy_of_it(tmp_path, monkeypatch):
    path = tmp_path / "catalog.sqlite3"
    Catalog(path, backups=tmp_path / "backups").close()
    step = lambda db: db.execute("ALTER TABLE photo ADD COLUMN place TEXT")  # noqa: E731
    monkeypatch.setattr("photosearch.catalog.catalog.MIGRATIONS", (*MIGRATIONS, step))
    Catalog(path, backups=tmp_path / "backups").close()
    copy = sqlite3.connect(tmp_path / "backups" / f"catalog-version-{len(MIGRATIONS)}.sqlite3")
    columns = [r[1] for r in copy.execute("PRAGMA table_info(photo)")]
    copy.close()
    assert "hash" in columns
    assert "place" not in columns


def test_the_id_of_a_photo_is_never_given_out_again(catalog, folder):
    (file,) = folder.add(b"a.jpg")
    first = folder.read(file, 1)
    catalog.files.remove([file])
    assert catalog.photos.purge(older_than_seconds=-1) == [first]
    (file,) = folder.add(b"b.jpg")
    assert folder.read(file, 2) > first
