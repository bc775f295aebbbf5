from __future__ import annotations

import os
import shutil
import sqlite3

import pytest

from photosearch.errors import Cancelled, CatalogDamaged
from photosearch.library import Library
from photosearch.model import ModelSpec, resolve
from photosearch.progress import CancelToken, LibraryChanged, Phase, Progress
from photosearch.records import Query
from tests.fakes import ColourEncoder
from tests.small_library import Heard, edit, open_library, paint


def counted(report) -> dict[str, int]:
    names = ("found", "new", "changed", "moved", "copied", "removed", "encoded", "problems")
    return {n: getattr(report, n) for n in names if getattr(report, n)}


def test_indexing_twice_encodes_nothing_the_second_time(library, root, encoders):
    library.add_folder(root)
    assert counted(library.index()) == {"found": 4, "new": 4, "encoded": 4}
    assert counted(library.index()) == {"found": 4}
    assert encoders[0].images == 4


def test_an_empty_library_can_be_indexed_and_asked(library):
    assert counted(library.index()) == {}
    assert library.search(Query("red")).hits == ()
    assert library.status().photos == 0


def test_the_report_tells_what_became_of_every_file(indexed, root):
    (root / "red.jpg").rename(root / "renamed.jpg")
    shutil.copy2(root / "green.jpg", root / "green-copy.jpg")
    (root / "blue.jpg").unlink()
    edit(root / "yellow.jpg", "red", mark=7)
    paint(root / "new.jpg", "red", mark=8)
    (root / "empty.jpg").touch()
    os.utime(root / "empty.jpg", (1, 1))
    report = indexed.index()
    assert counted(report) == {
        "found": 6, "new": 2, "changed": 1, "moved": 1, "copied": 1, "removed": 1, "encoded": 2, "problems": 1,
    }  # fmt: skip
    assert (report.model, report.device) == ("builtin", "auto")


def test_a_renamed_photo_keeps_its_vector_and_is_not_encoded_again(indexed, root, encoders):
    before = indexed.search(Query("red")).hits[0]
    (root / "red.jpg").rename(root / "holiday.jpg")
    indexed.index()
    after = indexed.search(Query("red")).hits[0]
    assert (after.photo_id, after.path.name, encoders[0].images) == (before.photo_id, "holiday.jpg", 4)


def test_a_deleted_photo_is_not_found_any_more_and_an_undone_deletion_costs_nothing(indexed, root, encoders):
    kept = root.parent / "trash.jpg"
    shutil.move(root / "red.jpg", kept)
    indexed.index()
    assert "red.jpg" not in [h.path.name for h in indexed.search(Query("red")).hits]
    shutil.move(kept, root / "red.jpg")
    assert indexed.index().encoded == 0
    assert indexed.search(Query("red")).hits[0].path.name == "red.jpg"
    assert encoders[0].images == 4


def test_an_edited_photo_is_found_by_its_new_content_only(indexed, root):
    edit(root / "red.jpg", "blue", mark=1)
    indexed.index()
    assert {h.path.name for h in indexed.search(Query("blue")).hits[:2]} == {"red.jpg", "blue.jpg"}
    assert len(indexed.search(Query("blue")).hits) == 4


def test_the_events_tell_the_phases_and_that_photos_came(library, root):
    events = []
    library.add_folder(root)
    library.index(on_event=events.append)
    phases = [e.phase for e in events if isinstance(e, Progress)]
    assert phases[:2] == [Phase.SCANNING, Phase.LOADING]
    assert phases[-1] is Phase.ENCODING
    assert sum(e.added for e in events if isinstance(e, LibraryChanged)) == 4


def test_a_cancelled_run_can_be_gone_on_with(library, root, encoders):
    library.add_folder(root)
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        library.index(cancel=cancel)
    assert library.index().encoded == 4


def test_a_problem_is_listed_and_tried_again_when_asked(indexed, root):
    broken = root / "broken.jpg"
    broken.write_bytes((root / "red.jpg").read_bytes()[:300])
    os.utime(broken, (1, 1))
    assert indexed.index().problems == 1
    (problem,) = indexed.problems()
    assert (problem.path, problem.code) == (broken, "damaged")
    assert problem.sentence.endswith(".")
    assert indexed.index().problems == 0  # not tried again by itself
    indexed.retry_problems()
    assert indexed.index().problems == 1
    edit(broken, "red", mark=9)
    assert indexed.index().encoded == 1
    assert indexed.problems() == []


def test_the_status_adds_up(indexed, root):
    shutil.copy2(root / "red.jpg", root / "copy.jpg")
    (root / "empty.jpg").touch()
    os.utime(root / "empty.jpg", (1, 1))
    indexed.index()
    status = indexed.status()
    assert (status.files, status.photos, status.searchable) == (6, 4, 4)
    assert (status.pending, status.problems, status.away) == (0, 1, 0)
    assert (status.index_count, status.data_dir) == (4, indexed.paths.data)
    assert status.index_bytes == (next(indexed.paths.indexes.glob("*.usearch"))).stat().st_size


def test_a_daily_copy_of_the_catalog_is_kept(indexed):
    (copy,) = indexed.paths.backups.iterdir()
    again = sqlite3.connect(copy)
    assert again.execute("SELECT count(*) FROM photo").fetchone() == (4,)
    again.close()


def test_a_run_asked_for_is_done_although_indexing_is_paused(library, root):
    library.pause()
    library.add_folder(root)
    assert library.index().encoded == 4
    assert library.paused


def test_paused_is_kept_across_a_restart_until_resumed(library, app_paths_in_tmp):
    library.pause()
    library.close()
    with open_library(app_paths_in_tmp) as again:
        assert again.paused
        again.resume()
    with open_library(app_paths_in_tmp) as third:
        assert not third.paused


def test_another_model_keeps_the_vectors_of_the_first_and_going_back_encodes_nothing(indexed, encoders, monkeypatch):
    paths = indexed.paths
    indexed.close()
    specs = _other_model(monkeypatch)
    with open_library(paths, encoders=encoders, model="other") as other:
        assert other.status().searchable == 0
        assert len(other.timeline()) == 4  # the photos are there meanwhile
        report = other.index()
        assert (report.encoded, report.new, report.model) == (4, 0, "other")
        assert len(other.search(Query("red")).hits) == 4
        assert [(m[0], m[3], m[4]) for m in other.models()] == [("builtin", 4, False), ("other", 4, True)]
    with open_library(paths, encoders=encoders) as back:
        assert back.index().encoded == 0
        assert back.search(Query("red")).hits[0].path.name == "red.jpg"
    assert [e.images for e in encoders] == [4, 4, 0]
    assert specs == ["other"]


def _other_model(monkeypatch) -> list[str]:
    """Makes "other" the name of a model; returns when it was asked for."""
    asked = []

    def with_other(name: str, **options):
        if name != "other":
            return resolve(name, **options)
        asked.append(name)
        return ModelSpec(name="other", kind="folder", identity="colours-other")

    monkeypatch.setattr("photosearch.library.library.resolve", with_other)
    return asked


def test_a_catalog_that_breaks_while_it_is_open_is_told_as_damaged(indexed, root):
    indexed._catalog.database.close()
    content = bytearray(indexed.paths.catalog.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    indexed.paths.catalog.write_bytes(content)
    with pytest.raises(CatalogDamaged, match="doctor --repair"):
        indexed.timeline()


def test_after_a_restart_paused_folders_are_watched_and_nothing_is_read_until_resumed(library, app_paths_in_tmp, root):
    library.add_folder(root)
    library.pause()
    library.close()
    heard = Heard()
    with open_library(app_paths_in_tmp) as again:
        again.watch(heard)
        heard.wait(lambda: Progress(Phase.PAUSED) in heard.events, "the pause is told")
        assert again.status().searchable == 0
        again.resume()
        heard.wait(lambda: again.status().searchable == 4, "all of it is indexed")


@pytest.mark.parametrize(("there_are", "limits"), [(8, {"threads": 2}), (4, {}), (2, {})])
def test_a_limit_for_cores_holds_for_the_model_too(library, app_paths_in_tmp, monkeypatch, there_are, limits):
    monkeypatch.setattr("photosearch.library.library.available_cores", lambda: there_are)
    library.settings.set("cores", 4)
    library.close()
    asked = {}

    def make(spec, **options):
        asked.update(options)
        return ColourEncoder(spec)

    with Library.open(app_paths_in_tmp, make_encoder=make):
        assert asked == {"device": "auto", **limits}


def test_who_searches_is_taken_to_be_at_work(indexed):
    assert not indexed._pace.now().gentle
    indexed.search(Query("red"))
    assert indexed._pace.now().gentle
