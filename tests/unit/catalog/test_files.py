from __future__ import annotations

import os
from pathlib import Path

import pytest

from photosearch.catalog import FileStat, IndexedPhoto
from photosearch.errors import ProblemCode
from photosearch.records import FolderState
from tests.small_library import KnownFolder, facts, stat, unit


def test_below_means_the_place_itself_and_what_is_in_it_not_what_begins_alike(catalog, folder):
    inside = {b"a", b"a/x.jpg", b"a/b/y.jpg", b"a/\xff.jpg"}
    outside = {b"a-b/x.jpg", b"a.jpg", b"a0", b"a0/x.jpg", b"ab/x.jpg", b"A/x.jpg", b"b/a/x.jpg"}
    folder.add(*inside, *outside)
    assert set(catalog.files.snapshot(folder.id, under=b"a")) == inside
    assert set(catalog.files.snapshot(folder.id)) == inside | outside
    catalog.folders.exclude(folder.id, b"a")
    assert set(catalog.files.snapshot(folder.id)) == outside


def test_names_that_are_no_text_come_back_byte_for_byte(catalog):
    root = Path(os.fsdecode(b"/photos/\xe4\xff"))
    folder = KnownFolder(catalog, root)
    folder.add(b"\x80/\xfe\xff.jpg")
    assert catalog.folders.all()[0].path == root
    (item,) = catalog.files.work(folder.model)
    assert os.fsencode(item.path) == b"/photos/\xe4\xff/\x80/\xfe\xff.jpg"


def test_numbers_beyond_those_of_sqlite_are_stored_and_compare_equal(catalog, folder):
    status = os.stat_result((0o100644, 2**64 - 5, 2**64 - 7, 1, 0, 0, 10, 0, 0, 0))

    class Status:
        st_size, st_dev, st_ino, st_mtime_ns = 10, status.st_dev, status.st_ino, 2**70

    seen = FileStat.of(Status())
    catalog.files.add(folder.id, [(b"x.jpg", seen)])
    assert catalog.files.snapshot(folder.id)[b"x.jpg"].stat == seen == FileStat.of(Status())


def test_what_waits_is_given_newest_first(catalog, folder):
    folder.add(b"old.jpg", b"newer.jpg", b"newest.jpg")
    assert [w.path.name for w in catalog.files.work(folder.model)] == ["newest.jpg", "newer.jpg", "old.jpg"]


def test_work_knows_the_contents_of_just_its_size_that_have_a_vector(catalog, folder):
    first, second = folder.add(b"a.jpg", b"b.jpg")
    folder.read(first, 1)
    folder.read(second, 2, vector=False)
    size = catalog.files.snapshot(folder.id)[b"a.jpg"].stat.size
    catalog.files.add(folder.id, [(b"same-size.jpg", stat(5, size=size)), (b"other-size.jpg", stat(6, size=7))])
    known = {w.path.name: w.known for w in catalog.files.work(folder.model)}
    assert known["same-size.jpg"] == {bytes([1]) * 16}
    assert known["other-size.jpg"] == frozenset()
    assert known["b.jpg"] == frozenset()  # read, but not for this model


def test_another_model_asks_for_every_photo_once_and_keeps_the_vectors_of_the_first(catalog, folder):
    first, copy, other = folder.add(b"a.jpg", b"copy-of-a.jpg", b"b.jpg")
    photos = {folder.read(first, 1), folder.read(copy, 1), folder.read(other, 2)}
    assert catalog.files.work(folder.model) == []
    another = catalog.embeddings.register("colours-2", name="colours", dim=8)
    work = catalog.files.work(another)
    assert len(work) == 2
    assert all(w.known == frozenset() for w in work)
    assert set(catalog.embeddings.ids(folder.model)) == photos
    assert catalog.files.work(folder.model) == []


def test_a_moved_file_keeps_its_photo_and_gives_way_to_nobody(catalog, folder):
    file, in_the_way = folder.add(b"a.jpg", b"b.jpg")
    photo = folder.read(file, 1)
    moved = catalog.files.snapshot(folder.id)[b"a.jpg"].stat
    catalog.files.move([(file, folder.id, b"b.jpg", moved)])
    rows = catalog.files.snapshot(folder.id)
    assert list(rows) == [b"b.jpg"]
    assert (rows[b"b.jpg"].id, rows[b"b.jpg"].photo_id) == (file, photo)
    assert in_the_way != file


def test_a_file_moves_between_folders(catalog, folder):
    other = KnownFolder(catalog, Path("/more"))
    (file,) = folder.add(b"a.jpg")
    photo = folder.read(file, 1)
    catalog.files.move([(file, other.id, b"x/a.jpg", stat(0))])
    assert [str(p.path) for p in catalog.photos.get([photo])[photo].places] == ["/more/x/a.jpg"]


def test_files_of_a_folder_that_was_removed_meanwhile_are_dropped_in_silence(catalog, folder):
    (file,) = folder.add(b"a.jpg")
    elsewhere = KnownFolder(catalog, Path("/more"))
    catalog.folders.remove(elsewhere.id)
    catalog.files.add(elsewhere.id, [(b"b.jpg", stat(1))])
    catalog.files.move([(file, elsewhere.id, b"a.jpg", stat(0))])
    assert [f.id for f in catalog.folders.all()] == [folder.id]
    assert folder.states() == {b"a.jpg": "pending"}


def test_away_and_back_again_every_file_is_what_it_was(catalog, folder):
    known, waiting, broken, forbidden = folder.add(b"known.jpg", b"waiting.jpg", b"broken.jpg", b"forbidden.jpg")
    folder.read(known, 1)
    catalog.files.record_problems(
        [(broken, ProblemCode.DAMAGED, "It is cut off."), (forbidden, ProblemCode.NO_PERMISSION, "No permission.")]
    )
    before = folder.states()
    catalog.files.set_away(folder.id)
    assert set(folder.states().values()) == {"away"}
    assert catalog.files.work(folder.model) == []
    catalog.files.set_back([known, waiting, broken, forbidden])
    assert folder.states() == before == {
        b"known.jpg": "known", b"waiting.jpg": "pending", b"broken.jpg": "problem", b"forbidden.jpg": "problem",
    }  # fmt: skip


def test_a_changed_file_that_goes_away_before_it_was_read_does_not_come_back_as_known(catalog, folder):
    (file,) = folder.add(b"a.jpg")
    folder.read(file, 1)
    edited = stat(9)
    catalog.files.touch([(file, edited)])
    catalog.files.set_away(folder.id)
    assert catalog.files.snapshot(folder.id)[b"a.jpg"].stat.mtime_ns != edited.mtime_ns


def test_only_some_files_of_a_folder_may_be_away(catalog, folder):
    ids = folder.add(b"a.jpg", b"b.jpg", b"c.jpg")
    catalog.files.set_away(folder.id, file_ids=ids[:2])
    assert folder.states() == {b"a.jpg": "away", b"b.jpg": "away", b"c.jpg": "pending"}


def test_files_of_a_folder_that_is_not_here_do_not_wait(catalog, folder):
    folder.add(b"a.jpg")
    catalog.folders.set_state(folder.id, FolderState.AWAY, device=1, inode=1)
    assert catalog.files.work(folder.model) == []


def test_a_file_that_cannot_be_read_now_keeps_its_photo(catalog, folder):
    (file,) = folder.add(b"a.jpg")
    photo = folder.read(file, 1)
    catalog.files.touch([(file, stat(9))])
    catalog.files.record_problems([(file, ProblemCode.READ_FAILED, "The drive may be failing.")])
    assert folder.states() == {b"a.jpg": "problem"}
    assert photo in catalog.photos.get([photo])
    assert list(catalog.embeddings.ids(folder.model)) == [photo]


def test_a_changed_file_that_is_broken_loses_its_photo(catalog, folder):
    (file,) = folder.add(b"a.jpg")
    photo = folder.read(file, 1)
    catalog.files.touch([(file, stat(9))])
    catalog.files.record_problems([(file, ProblemCode.DAMAGED, "It is cut off.")])
    assert catalog.photos.get([photo]) == {}
    assert list(catalog.embeddings.ids(folder.model)) == []


def test_an_unchanged_file_that_another_model_cannot_use_stays_in_the_library(catalog, folder):
    (file,) = folder.add(b"a.jpg")
    photo = folder.read(file, 1)
    catalog.files.record_problems([(file, ProblemCode.ENCODER_FAILED, "Nothing was made of it.")])
    assert photo in catalog.photos.get([photo])
    assert list(catalog.embeddings.ids(folder.model)) == [photo]


def test_a_problem_is_told_once_with_its_latest_reason_and_forgotten_when_it_is_read(catalog, folder):
    (file,) = folder.add(b"a.jpg")
    catalog.files.record_problems([(file, ProblemCode.READ_FAILED, "First.")])
    catalog.files.record_problems([(file, ProblemCode.DAMAGED, "Second \udcff.")])
    (problem,) = catalog.files.problems()
    assert (problem.path, problem.code, problem.sentence) == (Path("/photos/a.jpg"), "damaged", "Second ?.")
    folder.read(file, 1)
    assert catalog.files.problems() == []


def test_a_problem_of_a_file_that_is_gone_is_no_problem(catalog, folder):
    catalog.files.record_problems([(4711, ProblemCode.DAMAGED, "It is cut off.")])
    assert catalog.files.problems() == []


def test_problems_are_tried_again_by_their_kind(catalog, folder):
    broken, forbidden = folder.add(b"broken.jpg", b"forbidden.jpg")
    catalog.files.record_problems(
        [(broken, ProblemCode.DAMAGED, "Cut off."), (forbidden, ProblemCode.NO_PERMISSION, "No permission.")]
    )
    assert catalog.files.work(folder.model) == []
    assert catalog.files.retry([c for c in ProblemCode if c.transient]) == 1
    assert [w.file_id for w in catalog.files.work(folder.model)] == [forbidden]


@pytest.mark.parametrize("away", [False, True])
def test_the_counts_add_up(catalog, folder, away):
    known, copy, broken, again, _ = folder.add(b"a.jpg", b"copy.jpg", b"broken.jpg", b"again.jpg", b"new.jpg")
    folder.read(known, 1)
    folder.read(copy, 1)
    catalog.files.record_problems([(f, ProblemCode.READ_FAILED, "Not now.") for f in (broken, again)])
    catalog.files.touch([(again, stat(9))])
    if away:
        catalog.files.set_away(folder.id)
    counts = catalog.files.counts(folder.model)
    known_files = sum(s == "known" for s in folder.states().values())
    assert counts.files == 5 == known_files + counts.pending + counts.problems + counts.away
    assert (counts.photos, counts.searchable) == (1, 1)
    assert (counts.pending, counts.problems, counts.away) == ((0, 0, 5) if away else (2, 1, 0))
    assert len(catalog.files.problems()) == counts.problems


def test_more_files_than_fit_into_one_statement_can_be_moved_about(catalog, folder):
    ids = folder.add(*(b"%06d.jpg" % n for n in range(25_000)))
    catalog.files.set_away(folder.id, file_ids=ids)
    catalog.files.set_back(ids)
    catalog.files.remove(ids[1:])
    assert folder.states() == {b"000000.jpg": "pending"}


def test_a_commit_for_a_file_that_is_gone_is_left_out(catalog, folder):
    (file,) = folder.add(b"a.jpg")
    batch = [
        IndexedPhoto(number, 5, 5, bytes([number % 250]) * 16, facts(), unit(number)) for number in (file, file + 1000)
    ]
    assert list(catalog.photos.commit(batch, model_id=folder.model)) == [file]
