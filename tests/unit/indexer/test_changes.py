from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from pathlib import Path

import pytest

from photosearch.catalog import Catalog, IndexedPhoto
from photosearch.errors import Cancelled, ProblemCode
from photosearch.indexer import changes as changes_module
from photosearch.indexer.changes import Changes, record_changes
from photosearch.indexer.volumes import Volume
from photosearch.progress import CancelToken
from photosearch.records import FolderState
from tests.small_library import edit, facts, paint, run_without_root_powers, unit

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")


class Place:
    """A folder on disk with its catalog; "reading" gives every pending file a photo of its own content."""

    def __init__(self, catalog: Catalog, root: Path) -> None:
        self.catalog, self.root = catalog, root
        catalog.folders.add(root)
        self.id = next(f.id for f in catalog.folders.all() if f.path == root)
        self.model = catalog.embeddings.register("m", name="m", dim=8)

    def look(self, *places: bytes) -> Changes:
        return record_changes(
            self.catalog, places={self.id: frozenset(places)} if places else None, cancel=CancelToken()
        )

    def read(self) -> None:
        rows = self.catalog.files.snapshot(self.id)
        self.catalog.photos.commit(
            [
                IndexedPhoto(
                    row.id, row.stat.size, row.stat.mtime_ns, self.content(rel), facts(), unit(row.id)
                )
                for rel, row in rows.items()
                if row.state == "pending"
            ],
            model_id=self.model,
        )  # fmt: skip

    def content(self, rel: bytes) -> bytes:
        return hashlib.blake2b((self.root / os.fsdecode(rel)).read_bytes(), digest_size=16).digest()

    def states(self) -> dict[str, str]:
        return {os.fsdecode(rel): row.state.value for rel, row in self.catalog.files.snapshot(self.id).items()}

    def photos(self) -> dict[str, int | None]:
        return {os.fsdecode(rel): row.photo_id for rel, row in self.catalog.files.snapshot(self.id).items()}

    @property
    def folder(self):
        return next(f for f in self.catalog.folders.all() if f.id == self.id)


@pytest.fixture
def place(catalog, root) -> Place:
    return Place(catalog, root)


def paint_many(root: Path, count: int) -> None:
    root.mkdir(parents=True, exist_ok=True)
    first = paint(root / "0000.jpg", "red")
    for n in range(1, count):
        shutil.copy2(first, root / f"{n:04}.jpg")


def counts(changes: Changes) -> dict[str, int]:
    return {k: v for k, v in dataclasses.asdict(changes).items() if v}


def test_new_files_are_to_be_read_and_unchanged_ones_left_alone(place):
    paint(place.root / "a.jpg", "red")
    assert counts(place.look()) == {"found": 1, "new": 1}
    place.read()
    again = place.look()
    assert counts(again) == {"found": 1}
    assert not again.any
    assert place.states() == {"a.jpg": "known"}


def test_a_changed_file_is_to_be_read_again_and_keeps_its_photo_until_then(place):
    photo = paint(place.root / "a.jpg", "red")
    place.look()
    place.read()
    before = place.photos()
    edit(photo, "blue")
    assert counts(place.look()) == {"found": 1, "changed": 1}
    assert (place.states(), place.photos()) == ({"a.jpg": "pending"}, before)


def test_a_renamed_file_keeps_its_photo_and_is_not_read(place):
    photo = paint(place.root / "a.jpg", "red")
    place.look()
    place.read()
    before = place.photos()["a.jpg"]
    photo.rename(place.root / "b.jpg")
    assert counts(place.look()) == {"found": 1, "moved": 1}
    assert (place.states(), place.photos()) == ({"b.jpg": "known"}, {"b.jpg": before})


def test_a_renamed_folder_costs_no_reading(place):
    paint_many(place.root / "old", 80)
    place.look()
    place.read()
    (place.root / "old").rename(place.root / "new")
    assert counts(place.look()) == {"found": 80, "moved": 80}
    assert set(place.states().values()) == {"known"}


def test_a_file_moved_between_two_folders_is_not_read(place, catalog, tmp_path):
    (tmp_path / "more").mkdir()
    other = Place(catalog, tmp_path / "more")
    photo = paint(place.root / "a.jpg", "red")
    place.look()
    place.read()
    photo.rename(tmp_path / "more" / "a.jpg")
    assert counts(place.look()) == {"found": 1, "moved": 1}
    assert (place.states(), other.states()) == ({}, {"a.jpg": "known"})


def test_a_renamed_file_is_recognised_although_its_drive_got_another_number_before(place):
    photo = paint(place.root / "a.jpg", "red")
    place.look()
    place.read()
    (row,) = place.catalog.files.snapshot(place.id).values()
    place.catalog.files.renumber([(row.id, row.stat._replace(device=99))])
    assert not place.look().any
    photo.rename(place.root / "b.jpg")
    assert counts(place.look()) == {"found": 1, "moved": 1}


@pytest.mark.parametrize(
    ("file_system", "device", "read_again"), [("vfat", 0, 0), ("nfs4", 0, 0), ("ext4", 1, 0), ("ext4", 0, 5)]
)
def test_other_inode_numbers_make_files_be_read_only_where_they_mean_other_files(
    place, monkeypatch, file_system, device, read_again
):
    monkeypatch.setattr("photosearch.indexer.changes.volume_of", lambda *_: Volume(file_system=file_system))
    paint_many(place.root, 5)
    place.look()
    place.read()
    rows = place.catalog.files.snapshot(place.id).values()
    place.catalog.files.renumber(
        (row.id, row.stat._replace(inode=row.stat.inode + 10_000, device=row.stat.device + device)) for row in rows
    )
    assert place.look().changed == read_again


@posix
def test_a_file_that_was_changed_under_another_of_its_names_is_read_under_all_of_them(place):
    paint(place.root / "a.jpg", "red")
    (place.root / "b.jpg").hardlink_to(place.root / "a.jpg")
    paint(place.root / "c.jpg", "green")
    place.look()
    place.read()
    edit(place.root / "a.jpg", "blue")
    assert place.look(b"a.jpg").changed == 2  # all that an event tells of
    assert place.states() == {"a.jpg": "pending", "b.jpg": "pending", "c.jpg": "known"}


def test_a_file_put_in_the_place_of_another_is_read(place):
    paint(place.root / "a.jpg", "red")
    place.look()
    place.read()
    edit(place.root / "a.jpg.tmp", "blue").replace(place.root / "a.jpg")
    assert counts(place.look()) == {"found": 1, "changed": 1}


@posix
@pytest.mark.parametrize(("before", "after"), [("a.jpg", "A.JPG"), ("trip/a.jpg", "Trip/a.jpg")])
def test_a_renaming_that_changes_case_only_is_one_file_that_moved(place, monkeypatch, before, after):
    """As on macOS and Windows, where a file is found under its old name as well."""
    for name in (before, "b.jpg"):
        paint(place.root / name, "red")  # alike in size and time
    place.look()
    place.read()
    (place.root / before.split("/")[0]).rename(place.root / after.split("/")[0])
    lstat = os.lstat

    def whatever_the_case(path: bytes) -> os.stat_result:
        parent, _, name = path.rpartition(b"/")
        same = [entry for entry in os.listdir(parent) if entry.lower() == name.lower()]  # noqa: PTH208  (bytes)
        return lstat(parent + b"/" + (same or [name])[0])

    monkeypatch.setattr("photosearch.indexer.scan.CASE_COUNTS", False)
    monkeypatch.setattr("photosearch.indexer.scan.os.lstat", whatever_the_case)
    known = place.photos()[before]
    place.look(before.encode(), after.encode())
    assert place.photos() == {after: known, "b.jpg": place.photos()["b.jpg"]}
    assert set(place.states().values()) == {"known"}
    place.look(before.encode())  # an event that comes late
    assert set(place.states()) == {after, "b.jpg"}


def test_a_copy_is_new_and_the_original_stays_known(place):
    photo = paint(place.root / "a.jpg", "red")
    place.look()
    place.read()
    shutil.copy2(photo, place.root / "copy.jpg")
    assert counts(place.look()) == {"found": 2, "new": 1}
    assert place.states() == {"a.jpg": "known", "copy.jpg": "pending"}


def test_a_deleted_file_is_forgotten_and_a_deleted_folder_as_well(place):
    paint(place.root / "a.jpg", "red")
    paint(place.root / "trip" / "b.jpg", "blue")
    paint(place.root / "trip" / "deep" / "c.jpg", "green")
    place.look()
    place.read()
    shutil.rmtree(place.root / "trip")
    assert counts(place.look()) == {"found": 1, "removed": 2}
    assert place.states() == {"a.jpg": "known"}


def test_when_very_many_are_missing_at_once_nothing_is_forgotten(place):
    paint_many(place.root, 120)
    place.look()
    place.read()
    for n in range(60):
        (place.root / f"{n:04}.jpg").unlink()
    assert counts(place.look()) == {"found": 60, "went_away": 60}
    assert not place.look().any
    assert sorted(place.states().values()) == ["away"] * 60 + ["known"] * 60
    shutil.copy2(place.root / "0100.jpg", place.root / "0001.jpg")
    assert counts(place.look()) == {"found": 61, "came_back": 1}
    assert place.states()["0001.jpg"] == "known"


def test_what_goes_missing_piece_by_piece_after_many_went_missing_is_not_forgotten_either(place):
    paint_many(place.root, 120)
    place.look()
    place.read()
    for n in range(60):
        (place.root / f"{n:04}.jpg").unlink()
    place.look(b"")
    for n in range(60, 70):
        (place.root / f"{n:04}.jpg").unlink()
    assert counts(place.look(*(f"{n:04}.jpg".encode() for n in range(60, 70)))) == {"went_away": 10}


@posix
def test_a_file_that_had_no_permission_is_tried_again_where_something_happened_to_it(place):
    paint(place.root / "a.jpg", "red")
    place.look()
    (row,) = place.catalog.files.snapshot(place.id).values()
    place.catalog.files.record_problems([(row.id, ProblemCode.NO_PERMISSION, "No permission.")])
    assert place.states() == {"a.jpg": "problem"}
    place.look(b"a.jpg")
    assert place.states() == {"a.jpg": "pending"}


def test_missing_files_whose_photo_is_elsewhere_now_are_missing_no_longer(place, catalog, tmp_path):
    (tmp_path / "other drive").mkdir()
    other = Place(catalog, tmp_path / "other drive")
    paint_many(place.root, 50)
    for n in range(50, 60):
        paint(place.root / f"{n:04}.jpg", "blue", mark=n)
    place.look()
    place.read()
    for n in range(60):
        if n < 50:
            shutil.copy2(place.root / f"{n:04}.jpg", other.root / f"moved-{n:04}.jpg")
        (place.root / f"{n:04}.jpg").unlink()
    assert place.look().went_away == 60
    assert catalog.files.forget_found_elsewhere() == 0  # nothing was read yet
    other.read()
    assert catalog.files.forget_found_elsewhere() == 50
    assert list(place.states().values()) == ["away"] * 10
    assert list(other.states().values()) == ["known"] * 50


def test_copies_on_a_drive_that_is_away_are_not_forgotten_for_the_photos_being_elsewhere(place, catalog, tmp_path):
    (tmp_path / "backup").mkdir()
    backup = Place(catalog, tmp_path / "backup")
    paint(place.root / "a.jpg", "red")
    shutil.copy2(place.root / "a.jpg", backup.root / "a.jpg")
    place.look()
    place.read()
    backup.read()
    backup.root.rename(tmp_path / "unplugged")
    assert place.look().went_away == 1
    assert catalog.files.forget_found_elsewhere() == 0


@pytest.mark.parametrize(("files", "deleted"), [(60, 49), (300, 60)])
def test_a_few_or_a_small_share_that_are_missing_are_believed(place, files, deleted):
    paint_many(place.root, files)
    place.look()
    place.read()
    for n in range(deleted):
        (place.root / f"{n:04}.jpg").unlink()
    assert counts(place.look()) == {"found": files - deleted, "removed": deleted}


def test_a_root_that_is_gone_is_away_and_comes_back_without_reading(place):
    paint_many(place.root, 3)
    place.look()
    place.read()
    place.root.rename(place.root.with_name("unplugged"))
    assert counts(place.look()) == {"went_away": 3}
    assert place.folder.state is FolderState.AWAY
    assert not place.look().any
    assert set(place.states().values()) == {"away"}
    place.root.with_name("unplugged").rename(place.root)
    assert counts(place.look(b"one.jpg")) == {"found": 3, "came_back": 3}  # the whole folder, whatever was asked
    assert place.folder.state is FolderState.HERE
    assert set(place.states().values()) == {"known"}


def test_a_photo_edited_before_its_drive_was_taken_away_is_read_when_it_is_back(place):
    photo = paint(place.root / "a.jpg", "red")
    place.look()
    place.read()
    edit(photo, "blue")
    place.look()
    place.root.rename(place.root.with_name("unplugged"))
    place.look()
    place.root.with_name("unplugged").rename(place.root)
    place.look()
    assert place.states() == {"a.jpg": "pending"}


def test_what_was_edited_and_deleted_while_a_drive_was_away_is_noticed(place):
    for name, colour in (("a.jpg", "red"), ("b.jpg", "blue"), ("c.jpg", "green")):
        paint(place.root / name, colour)
    place.look()
    place.read()
    away = place.root.rename(place.root.with_name("unplugged"))
    place.look()
    edit(away / "a.jpg", "yellow")
    (away / "b.jpg").unlink()
    away.rename(place.root)
    place.look()
    assert place.states() == {"a.jpg": "pending", "b.jpg": "away", "c.jpg": "known"}


@pytest.mark.parametrize("places", [(), (b"0001.jpg",)])
def test_an_empty_mount_point_of_another_device_is_a_drive_that_is_away(place, places):
    paint_many(place.root, 3)
    place.look()
    place.read()
    device, inode = place.folder.device, place.folder.inode
    shutil.rmtree(place.root)
    place.root.mkdir()
    place.catalog.folders.set_state(place.id, FolderState.HERE, device=device + 1, inode=inode)
    assert counts(place.look(*places)) == {"went_away": 3}
    assert place.folder.state is FolderState.AWAY
    assert not place.look().any
    paint_many(place.root, 3)
    assert counts(place.look()) == {"found": 3, "came_back": 3}
    assert (place.folder.state, place.folder.device) == (FolderState.HERE, device)


def test_a_drive_taken_away_during_the_look_says_nothing(place, monkeypatch):
    paint_many(place.root, 3)
    place.look()
    place.read()
    walk = changes_module.walk

    def unplugged(root: Path, **options):
        shutil.move(root, root.with_name("unplugged"))
        root.mkdir()
        return walk(root, **options)

    monkeypatch.setattr(changes_module, "walk", unplugged)
    assert not place.look().any
    assert set(place.states().values()) == {"known"}


_LOOK = """
import sys
from pathlib import Path
from photosearch.catalog import Catalog
from photosearch.indexer.changes import record_changes
from photosearch.progress import CancelToken
catalog = Catalog(Path(sys.argv[1]), backups=Path(sys.argv[1]).parent)
print(record_changes(catalog, cancel=CancelToken()).any)
print([f.state.value for f in catalog.folders.all()])
catalog.close()
"""


@posix
@pytest.mark.parametrize(
    ("locked", "answer"), [("trip", ["False", "['here']"]), ("", ["True", "['unreadable']"])]
)  # fmt: skip
def test_what_cannot_be_read_now_is_not_gone(place, locked, answer):
    paint(place.root / "a.jpg", "red")
    paint(place.root / "trip" / "b.jpg", "blue")
    place.look()
    place.read()
    place.catalog.close()
    (place.root / locked).chmod(0)
    try:
        done = run_without_root_powers(_LOOK, str(place.catalog.path))
    finally:
        (place.root / locked).chmod(0o755)
    assert done.stdout.split("\n")[:2] == answer, done.stderr
    catalog = Catalog(place.catalog.path, backups=place.catalog.path.parent)
    assert len(catalog.photos.timeline()) == 2
    catalog.close()


def test_only_the_places_asked_for_are_looked_at(place):
    paint(place.root / "a" / "x.jpg", "red")
    paint(place.root / "b" / "y.jpg", "blue")
    assert counts(place.look(b"a")) == {"found": 1, "new": 1}
    assert counts(place.look(b"b/y.jpg", b"b", b"none.jpg")) == {"found": 1, "new": 1}
    (place.root / "a" / "x.jpg").unlink()
    assert counts(place.look(b"b")) == {"found": 1}
    assert counts(place.look(b"a/x.jpg")) == {"removed": 1}


def test_a_folder_whose_name_begins_like_a_deleted_one_stays(place):
    paint(place.root / "a" / "x.jpg", "red")
    paint(place.root / "a-b" / "y.jpg", "blue")
    place.look()
    shutil.rmtree(place.root / "a")
    place.look(b"a")
    assert list(place.states()) == ["a-b/y.jpg"]


@pytest.mark.parametrize("act", ["remove", "exclude"])
def test_a_folder_removed_or_excluded_during_the_look_gets_no_files(place, monkeypatch, act):
    paint(place.root / "trip" / "a.jpg", "red")
    walk = changes_module.walk

    def meanwhile(root: Path, **options):
        seen = list(walk(root, **options))
        if act == "remove":
            place.catalog.folders.remove(place.id)
        else:
            place.catalog.folders.exclude(place.id, b"trip")
        return seen

    monkeypatch.setattr(changes_module, "walk", meanwhile)
    assert place.look().new == 0
    assert place.states() == {}


def test_a_file_with_a_problem_is_left_alone_until_it_changes(place):
    photo = paint(place.root / "a.jpg", "red")
    place.look()
    (row,) = place.catalog.files.snapshot(place.id).values()
    place.catalog.files.record_problems([(row.id, ProblemCode.DAMAGED, "It is cut off.")])
    assert not place.look().any
    edit(photo, "blue")
    assert counts(place.look()) == {"found": 1, "changed": 1}


@posix
def test_files_from_before_1970_and_the_far_future_are_files(place):
    for name, seconds in (("old.jpg", -2_000_000_000), ("far.jpg", 15_000_000_000)):
        os.utime(paint(place.root / name, "red"), ns=(seconds * 10**9,) * 2)
    assert place.look().new == 2
    assert not place.look().any


def test_a_look_can_be_cancelled_and_forgets_nothing(place):
    paint_many(place.root, 3)
    place.look()
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        record_changes(place.catalog, cancel=cancel)
    assert len(place.states()) == 3
