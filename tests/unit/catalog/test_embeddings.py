from __future__ import annotations

import numpy as np

from photosearch.catalog import IndexedPhoto
from tests.small_library import facts, unit


def test_vectors_come_back_as_float16_of_what_was_given(catalog, folder):
    files = folder.add(b"a.jpg", b"b.jpg")
    photos = [folder.read(file, n) for n, file in enumerate(files, start=1)]
    ((ids, vectors),) = list(catalog.embeddings.vectors(folder.model, [*photos, 4711]))
    assert dict(zip(ids.tolist(), vectors.tolist(), strict=True)) == {
        photo: unit(n).astype(np.float16).tolist() for n, photo in enumerate(photos, start=1)
    }


def test_vectors_are_given_in_chunks(catalog, folder, monkeypatch):
    monkeypatch.setattr("photosearch.catalog.embeddings._CHUNK", 2)
    photos = [folder.read(file, n) for n, file in enumerate(folder.add(*(b"%d.jpg" % n for n in range(5))))]
    assert [len(ids) for ids, _ in catalog.embeddings.vectors(folder.model, photos)] == [2, 2, 1]


def test_a_model_is_registered_once_by_its_identity(catalog, folder):
    again = catalog.embeddings.register("colours-1", name="renamed", dim=8)
    other = catalog.embeddings.register("colours-2", name="colours", dim=8)
    assert again == folder.model != other
    assert [(row.name, count) for row, count in catalog.embeddings.models()] == [("renamed", 0), ("colours", 0)]


def test_a_vector_takes_little_more_room_than_its_numbers(catalog, folder):
    """A page for each was 4 KB for 1 KB, and seven copies of that are kept."""
    files = folder.add(*(b"%d.jpg" % n for n in range(2000)))
    rows = {row.id: row.stat for row in catalog.files.snapshot(folder.id).values()}
    before = _bytes(catalog)
    catalog.photos.commit(
        [
            IndexedPhoto(f, rows[f].size, rows[f].mtime_ns, n.to_bytes(16, "big"), facts(), unit(n, dim=512))
            for n, f in enumerate(files)
        ],
        model_id=folder.model,
    )
    assert (_bytes(catalog) - before) / len(files) < 1024 * 1.7


def _bytes(catalog) -> int:
    with catalog.database.reading() as db:
        return db.execute("PRAGMA page_count").fetchone()[0] * db.execute("PRAGMA page_size").fetchone()[0]
