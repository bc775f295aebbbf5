from __future__ import annotations

import os
import sqlite3

from photosearch.catalog import ThumbnailStore


def test_a_thumbnail_is_kept_replaced_and_removed(tmp_path):
    path = tmp_path / "cache" / "thumbnails.sqlite3"
    store = ThumbnailStore(path)
    store.put([(1, b"one"), (2, b"two")])
    store.put([(1, b"uno")])
    store.remove([2])
    store.close()
    store = ThumbnailStore(path)
    assert [store.get(n) for n in (1, 2, 3)] == [b"uno", None, None]
    store.close()


def test_a_file_of_garbage_is_begun_anew(tmp_path):
    path = tmp_path / "thumbnails.sqlite3"
    path.write_bytes(b"garbage" * 1000)
    store = ThumbnailStore(path)
    store.put([(1, b"one")])
    assert store.get(1) == b"one"
    store.close()


def test_a_file_of_another_program_or_version_is_begun_anew(tmp_path):
    path = tmp_path / "thumbnails.sqlite3"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    store = ThumbnailStore(path)
    store.close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    store = ThumbnailStore(path)
    assert store.get(1) is None
    store.close()


def test_damage_that_shows_only_later_costs_the_thumbnails_and_no_error(tmp_path):
    path = tmp_path / "thumbnails.sqlite3"
    store = ThumbnailStore(path)
    store.put([(n, b"x" * 3000) for n in range(200)])
    store.close()
    os.truncate(path, 12_288)
    store = ThumbnailStore(path)
    assert store.get(199) is None
    store.put([(199, b"again")])
    assert store.get(199) == b"again"
    store.close()


def test_reading_only_makes_no_file_and_writes_none(tmp_path):
    path = tmp_path / "thumbnails.sqlite3"
    store = ThumbnailStore(path, read_only=True)
    store.put([(1, b"one")])
    assert store.get(1) is None
    store.close()
    assert not path.exists()


def test_reading_only_leaves_a_damaged_file_alone(tmp_path):
    path = tmp_path / "thumbnails.sqlite3"
    path.write_bytes(b"garbage" * 1000)
    store = ThumbnailStore(path, read_only=True)
    assert store.get(1) is None
    store.remove([1])
    store.close()
    assert path.read_bytes() == b"garbage" * 1000
