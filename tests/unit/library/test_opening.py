from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from photosearch.catalog import Catalog, IndexedPhoto, backup
from photosearch.errors import (
    CatalogDamaged,
    DataFolderUnusable,
    DiskFull,
    LibraryBusy,
    LibraryTooNew,
    ModelUnavailable,
    PhotoSearchError,
)
from photosearch.library import Library, doctor
from photosearch.library.library import ThumbnailStore
from photosearch.paths import app_paths
from photosearch.records import Query
from photosearch.vectors import Recall, VectorIndex
from tests.small_library import facts, full_disk, open_library, paint, unmount


def found(library) -> list[tuple[str, float]]:
    return [(h.path.name, h.similarity) for h in library.search(Query("red")).hits]


def test_a_library_opened_twice_is_busy_and_names_who_has_it(library, app_paths_in_tmp):
    with pytest.raises(LibraryBusy, match=f"process {os.getpid()}"):
        open_library(app_paths_in_tmp)
    library.close()
    open_library(app_paths_in_tmp).close()


def test_a_library_may_be_closed_in_another_thread_than_the_one_that_opened_it(app_paths_in_tmp):
    opened, ended = [], threading.Event()

    def open_and_stay() -> None:
        opened.append(open_library(app_paths_in_tmp))
        ended.wait()

    thread = threading.Thread(target=open_and_stay)
    thread.start()
    try:
        while not opened:
            thread.join(0.01)
        opened[0].close()
        open_library(app_paths_in_tmp).close()
    finally:
        ended.set()
        thread.join()


def test_closing_may_be_repeated(library):
    library.close()
    library.close()


def test_reading_only_searches_beside_a_writer_and_changes_nothing(indexed, root, app_paths_in_tmp):
    paint(root / "new.jpg", "red", mark=1)
    with open_library(app_paths_in_tmp, read_only=True) as reader:
        assert found(reader) == found(indexed)
        assert reader.thumbnail(reader.timeline()[0].photo_id)
        assert reader.status().searchable == 4
        with pytest.raises(DataFolderUnusable, match="reading only"):
            reader.index()
    assert indexed.status().files == 4


def test_reading_only_a_library_that_was_never_made_finds_nothing(app_paths_in_tmp):
    with open_library(app_paths_in_tmp, read_only=True) as reader:
        assert reader.search(Query("red")).hits == ()


def test_a_model_that_cannot_be_used_leaves_nothing_open(app_paths_in_tmp):
    with pytest.raises(ModelUnavailable):
        open_library(app_paths_in_tmp, model="/nowhere/at/all")
    open_library(app_paths_in_tmp).close()


def test_an_encoder_that_cannot_be_made_leaves_nothing_open(app_paths_in_tmp):
    def broken(*_: object, **__: object):
        raise ModelUnavailable("x", "it is broken.")

    with pytest.raises(ModelUnavailable):
        Library.open(app_paths_in_tmp, make_encoder=broken)
    open_library(app_paths_in_tmp).close()


def test_whatever_fails_while_closing_the_rest_is_closed(library, app_paths_in_tmp, monkeypatch):
    def fail() -> None:
        raise PhotoSearchError("it does not end")

    monkeypatch.setattr(library._model, "close", fail)
    with pytest.raises(PhotoSearchError):
        library.close()
    open_library(app_paths_in_tmp).close()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataFolderUnusable, match="--data-dir"):
        open_library(app_paths(tmp_path / "file" / "library"))


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(shutil.rmtree, id="deleted"),
        pytest.param(lambda f: [p.write_bytes(b"garbage") for p in f.iterdir()], id="garbage"),
        pytest.param(lambda f: [os.truncate(p, 100) for p in f.glob("*.usearch")], id="truncated"),
        pytest.param(lambda f: [p.unlink() for p in f.glob("*.json")], id="without manifest"),
        pytest.param(lambda f: [_flip_a_bit(p) for p in f.glob("*.usearch")], id="one bit"),
        pytest.param(lambda f: [_index_of_another_model(p) for p in f.glob("*.usearch")], id="another model"),
    ],
)
def test_an_index_that_is_lost_or_damaged_is_built_anew_with_the_same_answers(indexed, encoders, harm):
    before = found(indexed)
    indexed.close()
    harm(indexed.paths.indexes)
    with open_library(indexed.paths, encoders=encoders) as again:
        assert found(again) == before
        assert again.index().encoded == 0
        assert again.status().index_count == 4
    assert encoders[-1].images == 0


def _flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _index_of_another_model(file: Path) -> None:
    """As where files were copied by hand: the same photos, other vectors, and of another size."""
    other = VectorIndex(model="another", dim=8)
    other.add(np.arange(1, 5), np.eye(4, 8, dtype=np.float32))
    other.save(file)


def test_an_index_that_finds_too_little_is_made_anew_with_the_same_answers(indexed, root, monkeypatch):
    before = found(indexed)
    monkeypatch.setattr("photosearch.vectors.index.EXACT_UP_TO", 2)
    results = [Recall(0.5, 50)]
    measure = VectorIndex.measure
    monkeypatch.setattr(VectorIndex, "measure", lambda i, seed: results.pop() if results else measure(i, seed=seed))
    made: list[VectorIndex] = []
    start_over = VectorIndex.start_over
    monkeypatch.setattr(VectorIndex, "start_over", lambda i: (made.append(i), start_over(i)))
    paint(root / "new.jpg", "blue", mark=5)
    indexed.index()
    while (growing := indexed._model._growing) is not None and growing.is_alive():
        growing.join(30)
    assert made
    assert [hit for hit in found(indexed) if hit[0] != "new.jpg"] == before
    assert indexed.index_recall() == Recall(1.0, 5)
    assert indexed.status().index_count == 5


def test_a_graph_that_is_made_anew_leaves_searches_their_turn(indexed, monkeypatch):
    """The lock of the index is taken by whoever comes first; the thread that has just let go of it is near."""
    index = indexed._model.index()
    rows = np.random.default_rng(5).normal(size=(6400, index.dim)).astype(np.float32)
    index.hold(np.arange(10_000, 16_400), rows)
    chunks: list[int] = []
    grow = VectorIndex.grow
    monkeypatch.setattr(VectorIndex, "grow", lambda i, count: (chunks.append(count), grow(i, count))[1])
    indexed._model._grow_in_background(index)
    turns = 0
    while index.held:
        before = len(chunks)
        index.search(rows[0], 5)
        turns += len(chunks) > before  # one chunk at the most was waited for, or a few
    indexed._model._growing.join(60)
    assert len(chunks) >= 100
    assert turns >= 50


def test_an_index_that_is_behind_or_ahead_is_brought_in_line(indexed, root, tmp_path):
    behind = tmp_path / "behind"
    shutil.copytree(indexed.paths.indexes, behind)
    paint(root / "new.jpg", "red", mark=1)
    (root / "blue.jpg").unlink()
    indexed.index()
    before = found(indexed)
    indexed.close()
    shutil.rmtree(indexed.paths.indexes)
    shutil.copytree(behind, indexed.paths.indexes)
    with open_library(indexed.paths) as again:
        assert found(again) == before


def test_thumbnails_and_caches_may_be_deleted_at_any_time(indexed):
    photo = indexed.timeline()[0].photo_id
    before = indexed.thumbnail(photo)
    indexed.close()
    shutil.rmtree(indexed.paths.cache)
    with open_library(indexed.paths) as again:
        assert again.thumbnail(photo) == before


def test_a_photo_committed_while_another_folder_is_removed_stays_searchable(indexed, root, monkeypatch):
    """The index is brought in line by two threads: what comes between its two looks at the catalog must not go."""
    ids = indexed._catalog.embeddings.ids
    index = indexed._model.index()
    model_id = indexed._model.known_id

    def meanwhile(asked: int):
        before = ids(asked)
        if asked == model_id and len(before) == 4:
            row = index.vectors(before[:1])[1]
            file = indexed._catalog.files.snapshot(indexed.folders()[0].id)[b"red.jpg"]
            done = indexed._catalog.photos.commit(
                [IndexedPhoto(file.id, 1, 1, b"n" * 16, facts(), row[0])], model_id=model_id
            )
            index.add([done[file.id].photo_id], row)
        return before

    monkeypatch.setattr(indexed._catalog.embeddings, "ids", meanwhile)
    indexed._model.reconcile()
    monkeypatch.undo()
    assert set(ids(model_id)) <= set(index.ids())


def test_a_full_disk_does_not_keep_a_library_from_closing(tmp_path, root):
    disk = tmp_path / "disk"
    if not full_disk(disk, size="2m"):
        pytest.skip("mounting a tiny disk needs root on Linux")
    try:
        library = open_library(app_paths(disk / "library"))
        library.add_folder(root)
        library.index()
        filler = (disk / "filler").open("wb", buffering=0)
        with pytest.raises(OSError, match="No space"):
            while True:
                filler.write(b"x" * 4096)
        filler.close()
        for n in range(60):
            paint(root / f"new-{n}.jpg", "red", mark=n + 1)
        with pytest.raises(DiskFull, match="full"):
            library.index()
        assert len(library.search(Query("red")).hits) >= 4
        library.close()
        (disk / "filler").unlink()
        with open_library(app_paths(disk / "library")) as again:
            again.index()
            assert again.status().searchable == 64
            assert again.status().index_count == 64
    finally:
        unmount(disk)


def test_a_damaged_catalog_is_refused_and_the_doctor_puts_yesterdays_copy_back(indexed, root, encoders):
    photo = indexed.timeline()[0].photo_id
    indexed.close()
    paths = indexed.paths
    paths.catalog.write_bytes(b"garbage" * 1000)
    with pytest.raises(CatalogDamaged, match="doctor --repair"):
        open_library(paths)
    with pytest.raises(CatalogDamaged):
        open_library(paths, read_only=True)
    done = doctor.repair(paths)
    assert any("replaced by its copy" in sentence for sentence in done)
    with open_library(paths, encoders=encoders) as again:
        assert again.index().encoded == 0
        assert len(again.search(Query("red")).hits) == 4
        assert again.thumbnail(photo)
    assert list(paths.data.glob("catalog-damaged-*.sqlite3"))


def test_after_a_repair_no_photo_shows_the_thumbnail_of_another(indexed, root):
    """Ids that were given out after the copy was made are given out again."""
    paths = indexed.paths
    later = _add(indexed, root, "later.jpg", "red")
    indexed.close()
    paths.catalog.write_bytes(b"garbage")
    (root / "later.jpg").unlink()
    doctor.repair(paths)
    store = ThumbnailStore(paths.thumbnails)
    assert store.get(later) is None
    store.close()


def _add(library, root, name: str, colour: str) -> int:
    paint(root / name, colour, mark=99)
    library.index()
    return next(t.photo_id for t in library.timeline() if library.photo(t.photo_id).path.name == name)


def test_repairing_a_sound_library_only_throws_caches_away(indexed):
    paths = indexed.paths
    with pytest.raises(LibraryBusy):
        doctor.repair(paths)
    indexed.close()
    index, exports = doctor.repair(paths)
    assert "index" in index and "exported models" in exports
    assert backup.fault_in(paths.catalog) is None
    with open_library(paths) as again:
        assert len(again.search(Query("red")).hits) == 4


def test_a_library_of_a_newer_version_is_refused_and_as_it_was(library, monkeypatch):
    library.close()
    Catalog(library.paths.catalog, backups=library.paths.backups).close()
    monkeypatch.setattr("photosearch.catalog.catalog.MIGRATIONS", ())
    before = library.paths.catalog.read_bytes()
    with pytest.raises(LibraryTooNew, match="Update PhotoSearch"):
        open_library(library.paths)
    assert library.paths.catalog.read_bytes() == before
