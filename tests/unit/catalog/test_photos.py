from __future__ import annotations

import os
from pathlib import Path

from photosearch.catalog import IndexedPhoto
from tests.small_library import KnownFolder, facts, paint, stat, unit

EVERYTHING = facts(
    taken="2014-03-02T01:00:00", taken_offset="+02:00", taken_source="exif", camera="Canon", lens="50 mm",
    exposure_seconds=0.01, f_number=2.8, iso=100, focal_length_mm=50.0, latitude=48.2, longitude=16.4, title="Zoë",
    description="Two\nlines", keywords=("dog", "été"), rating=5,
)  # fmt: skip


def test_every_fact_comes_back_as_it_was_given(catalog, folder):
    (file,) = folder.add(b"a.jpg")
    done = catalog.photos.commit(
        [IndexedPhoto(file, 1000, 0, b"x" * 16, EVERYTHING, unit(1))], model_id=folder.model
    )  # fmt: skip
    photo = done[file].photo_id
    assert catalog.photos.get([photo])[photo].facts == EVERYTHING


def test_the_same_content_twice_is_one_photo_with_two_places(catalog, folder):
    first, second = folder.add(b"a.jpg", b"b.jpg")
    photo = folder.read(first, 1)
    assert folder.read(second, 1) == photo
    assert [p.path.name for p in catalog.photos.get([photo])[photo].places] == ["a.jpg", "b.jpg"]


def test_places_that_are_there_come_first(catalog, folder):
    first, second = folder.add(b"a.jpg", b"b.jpg")
    photo = folder.read(first, 1)
    folder.read(second, 1)
    catalog.files.set_away(folder.id, file_ids=[first])
    found = catalog.photos.get([photo])[photo]
    assert found.path == Path("/photos/b.jpg")
    assert not found.away


def test_a_photo_without_files_is_out_of_sight_and_costs_nothing_when_it_comes_back(catalog, folder):
    (file,) = folder.add(b"a.jpg")
    photo = folder.read(file, 1)
    catalog.files.remove([file])
    assert catalog.photos.get([photo]) == {}
    assert catalog.photos.timeline() == []
    assert list(catalog.embeddings.ids(folder.model)) == []
    assert catalog.files.counts(folder.model).searchable == 0
    (file,) = folder.add(b"b.jpg")
    done = catalog.photos.commit([IndexedPhoto(file, 1, 1, bytes([1]) * 16, None, None)], model_id=folder.model)
    assert (done[file].photo_id, done[file].was_orphan, done[file].new_photo) == (photo, True, False)
    assert list(catalog.embeddings.ids(folder.model)) == [photo]


def test_a_file_with_other_content_leaves_its_old_photo_behind(catalog, folder):
    (file,) = folder.add(b"a.jpg")
    old = folder.read(file, 1)
    catalog.files.touch([(file, stat(9))])
    new = folder.read(file, 2)
    assert list(catalog.photos.get([old, new])) == [new]


def test_known_content_whose_photo_was_purged_meanwhile_is_read_once_more(catalog, folder):
    (file,) = folder.add(b"a.jpg")
    done = catalog.photos.commit([IndexedPhoto(file, 1, 1, b"n" * 16, None, None)], model_id=folder.model)
    assert done == {}
    assert folder.states() == {b"a.jpg": "pending"}


def test_purging_forgets_only_what_has_long_been_without_files(catalog, folder):
    gone, here = folder.add(b"a.jpg", b"b.jpg")
    old, kept = folder.read(gone, 1), folder.read(here, 2)
    catalog.files.remove([gone])
    assert catalog.photos.purge() == []
    assert catalog.photos.purge(older_than_seconds=-1) == [old]
    assert [count for _, count in catalog.embeddings.models()] == [1]
    assert list(catalog.photos.get([old, kept])) == [kept]


def test_the_timeline_is_newest_first_and_undated_photos_come_last(catalog, folder):
    ids = folder.add(b"a.jpg", b"b.jpg", b"c.jpg", b"d.jpg")
    dates = ("2001-01-01T00:00:00", None, "2020-05-05T10:00:00", "2020-05-05T10:00:00.500")
    photos = [folder.read(file, n, taken=taken) for n, (file, taken) in enumerate(zip(ids, dates, strict=True))]
    assert [t.photo_id for t in catalog.photos.timeline()] == [photos[3], photos[2], photos[0], photos[1]]


def test_the_timeline_marks_a_photo_as_away_only_when_all_its_files_are(catalog, folder):
    first, second, other = folder.add(b"a.jpg", b"b.jpg", b"c.jpg")
    both, alone = folder.read(first, 1), folder.read(other, 2)
    folder.read(second, 1)
    catalog.files.set_away(folder.id, file_ids=[first, other])
    assert {t.photo_id: bool(t.away) for t in catalog.photos.timeline()} == {both: False, alone: True}


def test_a_file_on_disk_is_found_by_its_path_while_it_is_unchanged(catalog, tmp_path):
    path = paint(tmp_path / "photos" / os.fsdecode(b"\xff.jpg"), "red")
    folder = KnownFolder(catalog, tmp_path / "photos")
    status = path.stat()
    catalog.files.add(folder.id, [(b"\xff.jpg", stat(1, size=status.st_size, mtime_ns=status.st_mtime_ns))])
    (row,) = catalog.files.snapshot(folder.id).values()
    assert catalog.photos.id_of_file(path) is None
    photo = folder.read(row.id, 1)
    assert catalog.photos.id_of_file(path) == photo
    os.utime(path, (5, 5))
    assert catalog.photos.id_of_file(path) is None
    assert catalog.photos.id_of_file(tmp_path / "none.jpg") is None
