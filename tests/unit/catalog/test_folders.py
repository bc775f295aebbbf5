from __future__ import annotations

import os
from pathlib import Path

from photosearch.records import FolderState
from tests.small_library import KnownFolder


def test_a_folder_is_there_once_with_the_number_of_its_photos(catalog, folder):
    catalog.folders.add(Path("/photos"))
    first, copy, other, _ = folder.add(b"a.jpg", b"copy.jpg", b"b.jpg", b"waiting.jpg")
    for file, content in ((first, 1), (copy, 1), (other, 2)):
        folder.read(file, content)
    (found,) = catalog.folders.all()
    assert (found.path, found.photos, found.state) == (Path("/photos"), 2, FolderState.HERE)


def test_removing_a_folder_forgets_its_files_and_hides_photos_that_are_nowhere_else(catalog, folder):
    other = KnownFolder(catalog, Path("/more"))
    only_here, in_both = folder.add(b"a.jpg", b"b.jpg")
    (copy,) = other.add(b"b.jpg")
    hidden, kept = folder.read(only_here, 1), folder.read(in_both, 2)
    assert other.read(copy, 2) == kept
    catalog.folders.remove(folder.id)
    assert [f.path for f in catalog.folders.all()] == [Path("/more")]
    assert list(catalog.photos.get([hidden, kept])) == [kept]
    assert list(catalog.embeddings.ids(folder.model)) == [kept]


def test_an_excluded_folder_loses_its_files_and_is_listed_until_it_is_included(catalog, folder):
    inside, outside = folder.add(b"trip/a.jpg", b"tripod/b.jpg")
    hidden, kept = folder.read(inside, 1), folder.read(outside, 2)
    catalog.folders.exclude(folder.id, b"trip")
    catalog.folders.exclude(folder.id, b"trip")
    assert catalog.folders.all()[0].excludes == ("trip",)
    assert list(catalog.photos.get([hidden, kept])) == [kept]
    catalog.folders.include(folder.id, b"trip")
    assert catalog.folders.all()[0].excludes == ()


def test_excluded_names_need_not_be_text(catalog, folder):
    catalog.folders.exclude(folder.id, b"\xff/\xfe")
    (exclude,) = catalog.folders.all()[0].excludes
    assert os.fsencode(exclude) == b"\xff/\xfe"


def test_the_state_and_the_volume_of_a_folder_are_remembered(catalog, folder):
    catalog.folders.set_state(folder.id, FolderState.UNREADABLE, device=7, inode=8)
    (found,) = catalog.folders.all()
    assert (found.state, found.device, found.inode) == (FolderState.UNREADABLE, 7, 8)
