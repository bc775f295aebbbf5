from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from photosearch.errors import FolderMissing, FolderOverlap, FolderUnknown, NotAFolder
from photosearch.records import FolderState, Query
from tests.small_library import edit, paint, run_without_root_powers


def names(library) -> list[str]:
    return sorted(h.path.name for h in library.search(Query("red")).hits)


def test_a_folder_is_added_once_and_told_with_its_photos(library, root):
    added = library.add_folder(root)
    assert (added.path, added.state) == (root, FolderState.HERE)
    library.add_folder(root)
    library.index()
    assert [(f.path, f.photos) for f in library.folders()] == [(root, 4)]


@pytest.mark.parametrize("spelled", ["photos", "./photos/", "photos/../photos"])
def test_a_relative_path_names_the_same_folder(library, root, monkeypatch, spelled):
    monkeypatch.chdir(root.parent)
    assert library.add_folder(Path(spelled)).path == root


def test_the_home_is_understood(library, root, monkeypatch):
    monkeypatch.setenv("HOME", str(root.parent))
    assert library.add_folder(Path("~/photos")).path == root


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_link_is_the_folder_that_it_points_to(library, root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    library.add_folder(root)
    assert library.add_folder(tmp_path / "link").path == root
    library.remove_folder(tmp_path / "link")
    assert library.folders() == []


def test_what_cannot_be_a_folder_is_refused_with_its_path(library, root, tmp_path):
    with pytest.raises(FolderMissing, match="none") as missing:
        library.add_folder(tmp_path / "none")
    assert missing.value.path == tmp_path / "none"
    with pytest.raises(NotAFolder, match=r"red\.jpg is a file"):
        library.add_folder(root / "red.jpg")
    assert library.folders() == []


_ADD = """
import sys
from pathlib import Path
from photosearch.errors import FolderUnreadable
from photosearch.library.roots import usable_folder
for name in sys.argv[1:]:
    try:
        usable_folder(Path(name))
    except FolderUnreadable as error:
        print(error.path.name)
"""


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_folder_without_permission_is_refused(tmp_path):
    (tmp_path / "locked" / "below").mkdir(parents=True)
    (tmp_path / "locked").chmod(0)
    try:
        done = run_without_root_powers(_ADD, str(tmp_path / "locked"), str(tmp_path / "locked" / "below"))
    finally:
        (tmp_path / "locked").chmod(0o755)
    assert done.stdout.split() == ["locked", "below"], done.stderr


def test_a_folder_inside_one_of_the_library_is_found_there(library, root):
    paint(root / "trip" / "a.jpg", "red", mark=1)
    library.add_folder(root)
    assert library.add_folder(root / "trip").path == root
    assert len(library.folders()) == 1


def test_a_folder_around_one_of_the_library_is_refused_with_what_to_do(library, root):
    library.add_folder(root)
    with pytest.raises(FolderOverlap, match="Remove that one first") as overlap:
        library.add_folder(root.parent)
    assert overlap.value.other == root
    library.remove_folder(root)
    assert library.add_folder(root.parent).path == root.parent


def test_folders_whose_names_begin_alike_do_not_overlap(library, root):
    paint(root.parent / "photos-2" / "a.jpg", "red", mark=1)
    library.add_folder(root)
    library.add_folder(root.parent / "photos-2")
    assert [f.path.name for f in library.folders()] == ["photos", "photos-2"]


def test_removing_the_inner_folder_and_adding_the_outer_one_encodes_nothing(indexed, root, encoders):
    indexed.remove_folder(root)
    assert indexed.search(Query("red")).hits == ()
    indexed.add_folder(root.parent)
    report = indexed.index()
    assert (report.encoded, report.moved, encoders[0].images) == (0, 4, 4)
    assert len(indexed.search(Query("red")).hits) == 4


def test_removing_what_is_not_in_the_library_is_refused(indexed, root, tmp_path):
    for path in (tmp_path, root / "trip", tmp_path / "none"):
        with pytest.raises(FolderUnknown, match="not in the library"):
            indexed.remove_folder(path)
    for path in (tmp_path, root):
        with pytest.raises(FolderUnknown):
            indexed.exclude(path)


def test_an_excluded_folder_is_gone_at_once_and_comes_back_without_encoding(library, root, encoders):
    paint(root / "trip" / "a.jpg", "red", mark=1)
    library.add_folder(root)
    library.index()
    library.exclude(root / "trip")
    assert "a.jpg" not in names(library)
    library.index()
    assert "a.jpg" not in names(library)
    assert library.folders()[0].excludes == ("trip",)
    library.include(root / "trip")
    assert library.index().encoded == 0
    assert "a.jpg" in names(library)
    assert encoders[0].images == 5


def test_adding_an_excluded_folder_lets_it_in_again(library, root):
    paint(root / "trip" / "a.jpg", "red", mark=1)
    library.add_folder(root)
    library.exclude(root / "trip")
    assert library.add_folder(root / "trip").path == root
    assert library.folders()[0].excludes == ()


@pytest.mark.parametrize("outer", ["private", ".hidden"])
def test_a_folder_that_the_one_around_it_never_looks_into_is_one_of_its_own(library, root, outer):
    paint(root / outer / "trip" / "a.jpg", "red", mark=1)
    paint(root / outer / "b.jpg", "red", mark=2)
    library.add_folder(root)
    if outer == "private":
        library.exclude(root / outer)
    assert library.add_folder(root / outer / "trip").path == root / outer / "trip"
    library.index()
    assert "a.jpg" in names(library)
    assert "b.jpg" not in names(library)
    library.remove_folder(root / outer / "trip")
    assert "a.jpg" not in names(library)


def test_an_excluded_folder_that_holds_one_of_the_library_cannot_be_let_in(library, root):
    paint(root / "private" / "trip" / "a.jpg", "red", mark=1)
    library.add_folder(root)
    library.exclude(root / "private")
    library.add_folder(root / "private" / "trip")
    for let_in in (library.include, library.add_folder):
        with pytest.raises(FolderOverlap):
            let_in(root / "private")


def test_a_folder_that_is_away_is_kept_and_its_photos_are_marked(indexed, root, encoders):
    unplugged = root.rename(root.with_name("unplugged"))
    indexed.index()
    assert indexed.folders()[0].state is FolderState.AWAY
    assert all(h.away for h in indexed.search(Query("red")).hits)
    assert all(t.away for t in indexed.timeline())
    assert indexed.status().away == 4
    unplugged.rename(root)
    assert indexed.index().encoded == 0
    assert not any(h.away for h in indexed.search(Query("red")).hits)
    assert encoders[0].images == 4


def test_files_that_are_really_gone_can_be_forgotten(library, root):
    first = paint(root / "many" / "000.jpg", "red", mark=1)
    for n in range(1, 120):
        shutil.copy2(first, root / "many" / f"{n:03}.jpg")
    library.add_folder(root)
    library.index()
    shutil.rmtree(root / "many")
    library.index()
    assert library.status().away == 120
    assert library.forget_away(root) == 120
    assert (library.status().away, library.status().files) == (0, 4)
    with pytest.raises(FolderUnknown):
        library.forget_away(root / "many")


def test_photos_of_names_that_are_no_text_are_found(library, tmp_path):
    if os.name != "posix":
        pytest.skip("names that are no text are possible on POSIX systems only")
    root = tmp_path / os.fsdecode(b"\xff-photos")
    photo = paint(root / os.fsdecode(b"caf\xe9.jpg"), "red")
    library.add_folder(root)
    library.index()
    assert [h.path for h in library.search(Query("red")).hits] == [photo]
    edit(photo, "blue")
    assert library.index().changed == 1
