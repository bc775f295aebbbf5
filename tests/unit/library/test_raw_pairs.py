"""A raw file and the JPEG beside it are one photo, if the user wants that, whatever comes and goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from photosearch.catalog.pairs import _RAW_FILES_AND_WHAT_LIES_BESIDE
from photosearch.library import Library
from photosearch.records import FileState, Query
from tests.raw_files import corners, dng, jpeg
from tests.small_library import edit, paint

LONG_AGO_S = 1_500_000_000


def shoot(path: Path, *, mark: int = 0) -> Path:
    """A raw file that would be read well by itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dng(corners(64, 48), preview=jpeg(corners(64, 48), comment=f"{mark}")))
    os.utime(path, (LONG_AGO_S + mark, LONG_AGO_S + mark))
    return path


def photos(library: Library) -> list[list[str]]:
    """The names of the files of each photo, oldest photo first."""
    ids = sorted(tile.photo_id for tile in library.timeline())
    return [[place.path.name for place in library.photo(i).places] for i in ids]


def problems(library: Library) -> list[str]:
    return [p.path.name for p in library.problems()]


@pytest.fixture
def pair(library: Library, tmp_path: Path) -> Path:
    """A folder with IMG_1.jpg and IMG_1.DNG, indexed."""
    root = tmp_path / "photos"
    paint(root / "IMG_1.jpg", "red")
    shoot(root / "IMG_1.DNG")
    library.add_folder(root)
    library.index()
    return root


def test_a_raw_file_beside_a_jpeg_is_not_read_and_is_shown_as_its_second_place(library, pair, encoders):
    assert photos(library) == [["IMG_1.jpg", "IMG_1.DNG"]]
    assert encoders[0].images == 1
    (hit,) = library.search(Query("red")).hits
    assert hit.path == pair / "IMG_1.jpg"
    status = library.status()
    assert (status.files, status.photos, status.searchable, status.pending) == (2, 1, 1, 0)
    assert library.index().encoded == 0
    assert encoders[0].images == 1


@pytest.mark.parametrize(
    ("beside", "paired"),
    [("IMG_1.JPEG", True), ("IMG_1.jpe", True), ("IMG_10.jpg", False), ("IMG_1.edit.jpg", False), ("img_1.jpg", False),
     ("IMG_1.png", False), ("IMG_1.DNG.jpg", False), ("below/IMG_1.jpg", False)],
)  # fmt: skip
def test_the_name_up_to_the_ending_makes_a_pair(library, tmp_path, beside, paired):
    paint(tmp_path / "p" / beside, "red")
    shoot(tmp_path / "p" / "IMG_1.DNG")
    library.add_folder(tmp_path / "p")
    library.index()
    assert len(photos(library)) == (1 if paired else 2)


def test_names_that_are_no_text_make_pairs_too(library, tmp_path):
    folder = os.fsencode(tmp_path / "p")
    for ending, make in ((b".jpg", lambda p: paint(p, "red")), (b".dng", shoot)):
        make(Path(os.fsdecode(folder + b"/\xe4\xff" + ending)))
    library.add_folder(tmp_path / "p")
    library.index()
    assert len(photos(library)) == 1


def test_several_raw_files_may_belong_to_one_jpeg_and_a_jpeg_is_preferred_to_a_heic(library, tmp_path, data):
    root = tmp_path / "p"
    shoot(root / "a.dng")
    shoot(root / "a.cr2", mark=1)
    paint(root / "a.jpg", "green")
    (root / "a.heic").write_bytes((data / "corners.heic").read_bytes())
    os.utime(root / "a.heic", (LONG_AGO_S, LONG_AGO_S))
    library.add_folder(root)
    library.index()
    assert sorted(photos(library)) == [["a.heic"], ["a.jpg", "a.cr2", "a.dng"]]


def test_when_the_jpeg_goes_the_raw_file_is_read_by_itself_and_when_it_comes_back_they_are_one(library, pair, encoders):
    (first,) = [tile.photo_id for tile in library.timeline()]
    (pair / "IMG_1.jpg").unlink()
    report = library.index()
    assert (report.removed, report.encoded, report.problems) == (1, 1, 0)
    assert photos(library) == [["IMG_1.DNG"]]
    paint(pair / "IMG_1.jpg", "red")
    assert library.index().encoded == 0
    assert photos(library) == [["IMG_1.jpg", "IMG_1.DNG"]]
    assert [tile.photo_id for tile in library.timeline()] == [first]
    assert len(library.search(Query("red")).hits) == 1


def test_when_the_raw_file_goes_the_photo_stays(library, pair):
    (pair / "IMG_1.DNG").unlink()
    assert library.index().removed == 1
    assert photos(library) == [["IMG_1.jpg"]]


def test_a_jpeg_that_comes_later_takes_the_raw_file_in(library, tmp_path, encoders):
    root = tmp_path / "photos"
    shoot(root / "IMG_1.DNG")
    library.add_folder(root)
    library.index()
    assert photos(library) == [["IMG_1.DNG"]]
    paint(root / "IMG_1.jpg", "blue")
    library.index()
    assert photos(library) == [["IMG_1.jpg", "IMG_1.DNG"]]
    assert library.status().searchable == 1
    assert len(library.search(Query("blue")).hits) == 1


def test_renaming_both_keeps_the_pair_and_renaming_one_parts_it(library, pair, encoders):
    for ending in ("jpg", "DNG"):
        (pair / f"IMG_1.{ending}").rename(pair / f"beach.{ending}")
    assert library.index().encoded == 0
    assert photos(library) == [["beach.jpg", "beach.DNG"]]
    (pair / "beach.DNG").rename(pair / "sea.DNG")
    assert library.index().encoded == 1
    assert photos(library) == [["beach.jpg"], ["sea.DNG"]]
    (pair / "beach.jpg").rename(pair / "sea.jpg")
    library.index()
    assert photos(library) == [["sea.jpg", "sea.DNG"]]
    assert encoders[0].images == 2


def test_the_raw_file_follows_a_jpeg_that_was_edited(library, pair):
    edit(pair / "IMG_1.jpg", "blue")
    library.index()
    assert photos(library) == [["IMG_1.jpg", "IMG_1.DNG"]]
    assert library.status().photos == 1


def test_a_raw_file_that_changes_is_still_not_read(library, pair, encoders):
    shoot(pair / "IMG_1.DNG", mark=5)
    assert library.index().encoded == 0
    assert photos(library) == [["IMG_1.jpg", "IMG_1.DNG"]]
    assert library.status().pending == 0


def test_a_raw_file_beside_a_broken_jpeg_is_read_in_the_same_run_and_taken_in_when_that_is_mended(library, tmp_path):
    root = tmp_path / "photos"
    shoot(root / "IMG_1.DNG")
    (root / "IMG_1.jpg").write_bytes(b"\xff\xd8 no picture")
    os.utime(root / "IMG_1.jpg", (LONG_AGO_S, LONG_AGO_S))
    library.add_folder(root)
    report = library.index()
    assert (report.encoded, report.problems) == (1, 1)
    assert (photos(library), problems(library)) == ([["IMG_1.DNG"]], ["IMG_1.jpg"])
    paint(root / "IMG_1.jpg", "red")
    library.index()
    assert (photos(library), problems(library)) == ([["IMG_1.jpg", "IMG_1.DNG"]], [])


def test_a_raw_file_that_cannot_be_read_is_no_problem_once_there_is_a_jpeg(library, tmp_path):
    root = tmp_path / "photos"
    root.mkdir()
    (root / "IMG_1.CR2").write_bytes(b"II*\0\x10\0\0\0CR\2\0" + bytes(200))
    os.utime(root / "IMG_1.CR2", (LONG_AGO_S, LONG_AGO_S))
    library.add_folder(root)
    library.index()
    assert problems(library) == ["IMG_1.CR2"]
    paint(root / "IMG_1.jpg", "red")
    library.index()
    assert problems(library) == []
    assert library.status().problems == 0


def test_whoever_does_not_want_pairs_has_two_photos_and_may_change_their_mind(library, pair):
    library.settings.set("pair_raw_with_jpeg", False)
    assert library.index().encoded == 1
    assert photos(library) == [["IMG_1.jpg"], ["IMG_1.DNG"]]
    library.settings.set("pair_raw_with_jpeg", True)
    library.index()
    assert photos(library) == [["IMG_1.jpg", "IMG_1.DNG"]]
    library.settings.set("pair_raw_with_jpeg", False)
    assert library.index().encoded == 0, "what was read once is known"
    assert len(photos(library)) == 2


def test_a_pair_whose_drive_is_away_comes_back_as_a_pair(library, pair):
    pair.rename(pair.with_name("unplugged"))
    library.index()
    (tile,) = library.timeline()
    assert tile.away
    pair.with_name("unplugged").rename(pair)
    library.index()
    assert photos(library) == [["IMG_1.jpg", "IMG_1.DNG"]]


def test_a_jpeg_that_went_while_the_drive_was_away_leaves_the_raw_file_to_be_read_once_it_is_forgotten(library, pair):
    pair.rename(pair.with_name("unplugged"))
    library.index()
    (pair.with_name("unplugged") / "IMG_1.jpg").unlink()
    pair.with_name("unplugged").rename(pair)
    library.index()
    assert photos(library) == [["IMG_1.DNG", "IMG_1.jpg"]]
    library.forget_away(pair)
    library.index()
    assert photos(library) == [["IMG_1.DNG"]]
    assert library.status().pending == 0


def test_the_photo_can_be_looked_at_while_only_its_raw_file_is_here(library, pair):
    (photo_id,) = [tile.photo_id for tile in library.timeline()]
    folder = library.folders()[0]
    rows = library._catalog.files.snapshot(folder.id)
    library._catalog.files.set_away(folder.id, file_ids=[rows[b"IMG_1.jpg"].id])
    assert [p.state for p in library.photo(photo_id).places] == [FileState.KNOWN, FileState.AWAY]
    assert library.preview(photo_id, max_px=64).startswith(b"\xff\xd8")


def test_a_run_that_was_broken_off_before_the_pairs_were_made_is_finished_by_the_next(library, pair):
    with library._catalog.database.writing() as db:
        db.execute("UPDATE file SET state = 'pending', photo_id = NULL WHERE partner_id IS NOT NULL")
    assert library.status().pending == 1
    assert library.index().encoded == 0
    assert photos(library) == [["IMG_1.jpg", "IMG_1.DNG"]]
    assert library.status().pending == 0


def test_thousands_of_pairs_are_found_by_the_index_and_not_by_looking_at_all(library):
    with library._catalog.database.reading() as db:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {_RAW_FILES_AND_WHAT_LIES_BESIDE}")]
    assert any("raw USING INDEX file_raw" in step for step in plan)
    assert any("SEARCH beside" in step and "rel>? AND rel<?" in step for step in plan)
