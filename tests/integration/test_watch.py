"""Files that change while a library watches. Every test waits for what it is about, never for a time."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from photosearch.errors import DiskFull, PhotoSearchError
from photosearch.indexer import background
from photosearch.indexer.watch import DirtyPlaces, FolderWatcher, trees_of_this_system
from photosearch.indexer.watchdog_trees import WatchdogTrees
from photosearch.library import Library
from photosearch.progress import IndexerFailed, LibraryChanged, PauseSwitch, Phase, Progress
from photosearch.records import Folder, FolderState, IndexReport, Query
from tests.fakes import ColourEncoder
from tests.small_library import PATIENCE_S, Heard, decode_inline, edit, open_library, paint

_MANY = 400


class Watched:
    """A library that watches a folder of photos."""

    def __init__(self, library: Library, root: Path, encoders: list[ColourEncoder]) -> None:
        self.library, self.root, self._encoders = library, root, encoders
        self.heard = Heard()
        library.add_folder(root)
        library.watch(self.heard)
        self.wait_for("red.jpg", "green.jpg")
        self.rest()

    @property
    def encoded(self) -> int:
        return self._encoders[0].images

    def names(self) -> list[str]:
        return sorted(h.path.relative_to(self.root.parent).as_posix() for h in self.library.search(Query("red")).hits)

    def wait_for(self, *names: str) -> None:
        wanted = sorted(n if "/" in n else f"photos/{n}" for n in names)
        self.heard.wait(lambda: self.names() == wanted, f"the photos are {wanted}")

    def rest(self) -> None:
        """Until the indexer has nothing to do."""
        idle = lambda: isinstance(self.heard.events[-1], Progress) and self.heard.events[-1].phase is Phase.IDLE  # noqa: E731
        self.heard.wait(idle, "the indexer rests")


@pytest.fixture
def quick_looks(monkeypatch) -> None:
    """Roots are looked at several times a second instead of once a minute."""
    monkeypatch.setattr(
        "photosearch.library.library.BackgroundIndexer",
        partial(background.BackgroundIndexer, root_check_seconds=0.2, retry_seconds=0.2),
    )


@pytest.fixture
def watched(app_paths_in_tmp, tmp_path, monkeypatch) -> Iterator[Watched]:
    decode_inline(monkeypatch)
    monkeypatch.setattr("photosearch.indexer.watch.QUIET_SECONDS", 0.1)
    monkeypatch.setattr("photosearch.indexer.pipeline.SETTLE_SECONDS", 0.0)
    root = tmp_path / "photos"
    paint(root / "red.jpg", "red")
    paint(root / "green.jpg", "green")
    encoders: list[ColourEncoder] = []
    library = open_library(app_paths_in_tmp, encoders=encoders)
    try:
        yield Watched(library, root, encoders)
    finally:
        library.close()


def test_a_photo_that_is_copied_in_is_searchable_and_one_that_is_deleted_is_not(watched):
    paint(watched.root / "new.jpg", "red", mark=1)
    watched.wait_for("green.jpg", "new.jpg", "red.jpg")
    (watched.root / "red.jpg").unlink()
    watched.wait_for("green.jpg", "new.jpg")
    watched.heard.wait(
        lambda: sum(e.removed for e in watched.heard.events if isinstance(e, LibraryChanged)) == 1, "it is told"
    )


def test_an_edited_photo_is_encoded_anew(watched):
    edit(watched.root / "red.jpg", "blue")
    watched.heard.wait(lambda: watched.encoded == 3, "the edited photo is encoded")
    watched.wait_for("green.jpg", "red.jpg")


def test_a_folder_that_is_renamed_costs_no_encoding(watched):
    for n in range(5):
        paint(watched.root / "trip" / f"{n}.jpg", "red", mark=n + 1)
    watched.wait_for("green.jpg", "red.jpg", *(f"photos/trip/{n}.jpg" for n in range(5)))
    before = watched.encoded
    (watched.root / "trip").rename(watched.root / "holiday")
    watched.wait_for("green.jpg", "red.jpg", *(f"photos/holiday/{n}.jpg" for n in range(5)))
    assert watched.encoded == before


def test_a_folder_full_of_photos_that_is_moved_in_is_found_and_one_moved_out_is_gone(watched):
    outside = watched.root.parent / "trip"
    for n in range(3):
        paint(outside / "deep" / f"{n}.jpg", "red", mark=n + 1)
    outside.rename(watched.root / "trip")
    watched.wait_for("green.jpg", "red.jpg", *(f"photos/trip/deep/{n}.jpg" for n in range(3)))
    (watched.root / "trip").rename(outside)
    watched.wait_for("green.jpg", "red.jpg")


def test_photos_in_a_folder_made_while_watching_are_found(watched):
    (watched.root / "new").mkdir()
    paint(watched.root / "new" / "deep" / "a.jpg", "red", mark=1)
    watched.wait_for("green.jpg", "red.jpg", "photos/new/deep/a.jpg")
    paint(watched.root / "new" / "deep" / "b.jpg", "red", mark=2)
    watched.wait_for("green.jpg", "red.jpg", "photos/new/deep/a.jpg", "photos/new/deep/b.jpg")


def test_a_photo_that_replaces_another_by_renaming_is_noticed(watched):
    edit(watched.root / "red.jpg.part", "blue").replace(watched.root / "red.jpg")
    watched.heard.wait(lambda: watched.encoded == 3, "the new content is encoded")


def test_what_is_no_picture_and_our_own_reading_cause_no_look(watched):
    looks = sum(isinstance(e, Progress) and e.phase is Phase.SCANNING for e in watched.heard.events)
    (watched.root / "notes.txt").write_text("nothing")
    (watched.root / "red.jpg").read_bytes()
    paint(watched.root / "new.jpg", "red", mark=1)  # what comes after it is heard of, so nothing else was
    watched.wait_for("green.jpg", "new.jpg", "red.jpg")
    watched.rest()
    assert sum(isinstance(e, Progress) and e.phase is Phase.SCANNING for e in watched.heard.events) <= looks + 2


@pytest.mark.usefixtures("quick_looks")
def test_a_root_that_is_removed_and_made_again_is_watched_again(watched):
    moved = watched.root.rename(watched.root.with_name("unplugged"))
    watched.heard.wait(lambda: watched.library.folders()[0].state is FolderState.AWAY, "the folder is away")
    assert watched.names() == ["photos/green.jpg", "photos/red.jpg"]
    moved.rename(watched.root)
    watched.heard.wait(lambda: watched.library.folders()[0].state is FolderState.HERE, "the folder is here")
    assert watched.encoded == 2
    shutil.rmtree(watched.root)
    watched.heard.wait(lambda: watched.library.folders()[0].state is FolderState.AWAY, "the folder is away again")
    paint(watched.root / "other.jpg", "red", mark=7)
    watched.heard.wait(lambda: "photos/other.jpg" in watched.names(), "the new photo in the new root is found")
    paint(watched.root / "one-more.jpg", "red", mark=8)
    watched.heard.wait(lambda: "photos/one-more.jpg" in watched.names(), "and one that came later")


def test_folders_may_be_added_excluded_included_and_removed_while_watching(watched):
    library, more = watched.library, watched.root.parent / "more"
    paint(more / "trip" / "a.jpg", "red", mark=1)
    paint(more / "b.jpg", "red", mark=2)
    ours = ("green.jpg", "red.jpg")
    library.add_folder(more)
    watched.wait_for(*ours, "more/b.jpg", "more/trip/a.jpg")
    library.exclude(more / "trip")
    watched.wait_for(*ours, "more/b.jpg")
    before = watched.encoded
    library.include(more / "trip")
    watched.wait_for(*ours, "more/b.jpg", "more/trip/a.jpg")
    assert watched.encoded == before
    library.remove_folder(more)
    watched.wait_for(*ours)
    watched.rest()
    paint(more / "c.jpg", "red", mark=3)
    paint(watched.root / "d.jpg", "red", mark=4)
    watched.wait_for(*ours, "d.jpg")


def test_nothing_is_encoded_while_paused_and_all_of_it_when_resumed(watched):
    watched.library.pause()
    for n in range(3):
        paint(watched.root / f"new-{n}.jpg", "red", mark=n + 1)
    paused = lambda: any(isinstance(e, Progress) and e.phase is Phase.PAUSED for e in watched.heard.events)  # noqa: E731
    watched.heard.wait(paused, "the pause is told")
    assert watched.encoded == 2
    watched.library.resume()
    watched.wait_for("green.jpg", "red.jpg", *(f"new-{n}.jpg" for n in range(3)))


def test_a_library_that_is_paused_can_be_closed(watched):
    watched.library.pause()
    paint(watched.root / "new.jpg", "red", mark=1)
    watched.heard.wait(
        lambda: any(isinstance(e, Progress) and e.phase is Phase.PAUSED for e in watched.heard.events), "it is paused"
    )
    watched.library.close()
    assert watched.encoded == 2


@pytest.mark.usefixtures("quick_looks")
def test_a_fault_that_can_be_mended_is_told_and_indexing_goes_on_by_itself(watched, monkeypatch):
    put = watched.library._thumbnails.put
    faults = [DiskFull(watched.root), PhotoSearchError("the encoder is gone")]

    def failing(thumbnails):
        if faults:
            raise faults.pop()
        put(thumbnails)

    monkeypatch.setattr(watched.library._thumbnails, "put", failing)
    paint(watched.root / "new.jpg", "red", mark=1)
    paint(watched.root / "newer.jpg", "red", mark=2)
    watched.wait_for("green.jpg", "new.jpg", "newer.jpg", "red.jpg")
    paint(watched.root / "newest.jpg", "red", mark=3)
    watched.wait_for("green.jpg", "new.jpg", "newer.jpg", "newest.jpg", "red.jpg")
    sentences = [e.sentence for e in watched.heard.events if isinstance(e, IndexerFailed)]
    assert "the encoder is gone" in sentences


def test_after_a_fault_the_user_need_not_wait_to_try_again(watched, monkeypatch):
    put, faults = watched.library._thumbnails.put, [DiskFull(watched.root)]
    monkeypatch.setattr(
        watched.library._thumbnails, "put", lambda t: (_ for _ in ()).throw(faults.pop()) if faults else put(t)
    )
    paint(watched.root / "new.jpg", "red", mark=1)
    watched.heard.wait(lambda: any(isinstance(e, IndexerFailed) for e in watched.heard.events), "the fault is told")
    paint(watched.root / "newer.jpg", "red", mark=2)
    watched.library.rescan()
    watched.wait_for("green.jpg", "new.jpg", "newer.jpg", "red.jpg")


def test_an_index_run_and_the_watcher_take_turns(watched):
    for n in range(20):
        paint(watched.root / f"new-{n:02}.jpg", "red", mark=n + 1)
    watched.library.index()
    watched.wait_for("green.jpg", "red.jpg", *(f"new-{n:02}.jpg" for n in range(20)))
    watched.rest()
    assert watched.encoded == 22
    assert watched.library.problems() == []


def _folder(path: Path, *, excludes: tuple[str, ...] = ()) -> Folder:
    return Folder(id=1, path=path, state=FolderState.HERE, excludes=excludes, photos=0)


class Marks(DirtyPlaces):
    """Every place that was marked, and waiting for one."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[bytes] = []
        self._news = threading.Condition()

    def mark(self, folder_id: int, place: bytes) -> None:
        with self._news:
            self.places.append(place)
            self._news.notify_all()

    def discard(self) -> None:
        self.places.clear()

    def wait_for(self, place: bytes) -> None:
        with self._news:
            assert self._news.wait_for(lambda: place in self.places, PATIENCE_S), self.places


@pytest.mark.parametrize("make_trees", [trees_of_this_system, WatchdogTrees])
def test_a_tree_is_listened_to_and_what_is_left_out_of_it_is_not(tmp_path, make_trees):
    marks = Marks()
    for name in ("kept", "left out", ".hidden"):
        (tmp_path / name).mkdir()
    watcher = FolderWatcher(marks, make_trees=make_trees)
    try:
        watcher.follow([_folder(tmp_path, excludes=("left out",))])
        marks.discard()
        for name in ("left out", ".hidden", "kept"):  # events come in order: what is heard last is heard
            paint(tmp_path / name / "a.jpg", "red")
        marks.wait_for(b"kept/a.jpg")
        assert {m for m in marks.places if b"hidden" in m or b"left" in m} == set()
        watcher.follow([_folder(tmp_path)])
        marks.discard()
        paint(tmp_path / "left out" / "b.jpg", "red")
        marks.wait_for(b"left out/b.jpg")
    finally:
        watcher.close()


def test_lost_events_are_heard_of_from_the_log_of_watchdog(tmp_path):
    dirty, notices = DirtyPlaces(), []
    watcher = FolderWatcher(dirty, make_trees=WatchdogTrees, notice=notices.append)
    try:
        watcher.follow([_folder(tmp_path)])
        dirty.discard()
        logging.getLogger("watchdog.observers.inotify_c").warning("Kernel queue overflow; events were lost")
        assert dirty._places == {1: {b""}}
        assert "looked through again" in notices[0]
    finally:
        watcher.close()


def test_a_folder_that_cannot_be_listened_to_is_known_as_such_and_tried_again(tmp_path, monkeypatch):
    notices: list[str] = []
    trees = WatchdogTrees(mark=lambda *_: None, lost=lambda: None, root_gone=lambda _: None, exhausted=lambda *_: None)
    watcher = FolderWatcher(DirtyPlaces(), notice=notices.append, make_trees=lambda **_: trees, try_again_seconds=0.0)

    def no_more_watches(*_: object, **__: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    try:
        follow = trees.follow
        monkeypatch.setattr(trees, "follow", no_more_watches)
        watcher.follow([_folder(tmp_path)])
        watcher.follow([_folder(tmp_path)])
        assert watcher.unwatched == {1: "inotify watch limit reached"}
        assert len(notices) == 1 and "every few minutes" in notices[0]
        monkeypatch.setattr(trees, "follow", follow)
        watcher.follow([_folder(tmp_path)])
        assert watcher.unwatched == {}
        watcher.follow([])
        assert watcher._watched == {}
    finally:
        watcher.close()


@pytest.mark.skipif(os.name != "posix", reason="names that are no text")
def test_photos_of_names_that_are_no_text_are_noticed(watched):
    name = os.fsdecode(b"caf\xe9.jpg")
    paint(watched.root / name, "red", mark=1)
    watched.wait_for("green.jpg", "red.jpg", name)
    (watched.root / name).unlink()
    watched.wait_for("green.jpg", "red.jpg")


class LongRun:
    """A library of many photos whose first run waits in the encoder with the first batch."""

    def __init__(self, library: Library, root: Path, encoder: ColourEncoder) -> None:
        self.library, self.root, self.encoder = library, root, encoder
        self.heard = Heard()
        for number in range(_MANY):
            paint(root / f"{number}.jpg", "green", mark=number, age=number)
        encoder.gate.clear()
        library.add_folder(root)
        library.watch(self.heard)
        self.heard.wait(lambda: encoder.waiting, "the first batch is in the encoder")

    def go_on(self) -> None:
        """Once the watcher's news are ready to be looked at."""
        self.heard.wait(self.library._background._news.waits, "there are news")
        self.encoder.gate.set()

    def before(self, name: str) -> int:
        """How many photos were committed before the one of this name."""
        hits = self.library.search(Query("green"), count=2 * _MANY).hits
        (wanted,) = (h.photo_id for h in hits if h.path.name == name)
        return sum(h.photo_id < wanted for h in hits)


@pytest.fixture
def long_run(app_paths_in_tmp, tmp_path, monkeypatch) -> Iterator[LongRun]:
    decode_inline(monkeypatch)
    monkeypatch.setattr("photosearch.indexer.watch.QUIET_SECONDS", 0.1)
    monkeypatch.setattr("photosearch.indexer.pipeline.SETTLE_SECONDS", 0.0)
    monkeypatch.setattr("photosearch.indexer.pipeline.LOOK_APART_SECONDS", 0.0)
    encoders: list[ColourEncoder] = []
    library = open_library(app_paths_in_tmp, encoders=encoders)
    try:
        yield LongRun(library, tmp_path / "photos", encoders[0])
    finally:
        encoders[0].gate.set()
        library.close()


def test_a_photo_that_comes_during_a_long_first_run_does_not_wait_for_its_end(long_run):
    paint(long_run.root / "new.jpg", "green", mark=_MANY, age=-1)
    (long_run.root / f"{_MANY - 1}.jpg").unlink()  # it is the last in the row
    long_run.go_on()
    long_run.heard.wait(lambda: long_run.library.status().searchable == _MANY, "all are searchable")
    assert long_run.before("new.jpg") < _MANY // 2
    assert long_run.library.status().problems == 0
    totals = [e.total for e in long_run.heard.events if isinstance(e, Progress) and e.phase is Phase.ENCODING]
    assert set(totals) == {_MANY}  # one came, one went


def test_a_folder_that_is_added_during_a_long_first_run_does_not_wait_for_its_end(long_run, tmp_path):
    paint(tmp_path / "other" / "added.jpg", "green", mark=_MANY, age=-1)
    long_run.library.add_folder(tmp_path / "other")
    long_run.go_on()
    long_run.heard.wait(lambda: long_run.library.status().searchable == _MANY + 1, "all are searchable")
    assert long_run.before("added.jpg") < _MANY // 2


def test_a_folder_that_is_added_while_the_folders_are_looked_up_is_watched(tmp_path):
    asked: list[bool] = []
    looking, added, watched = threading.Event(), threading.Event(), threading.Event()

    def folders() -> list[Folder]:
        asked.append(True)
        if len(asked) == 1:  # it is added too late for this answer
            looking.set()
            added.wait(PATIENCE_S)
            return []
        if len(asked) > 2:  # the second time is after the run; this is another turn
            watched.set()
        return [_folder(tmp_path)]

    indexer = background.BackgroundIndexer(
        lambda **_: IndexReport(), folders=folders, on_event=lambda _: None, pause=PauseSwitch()
    )
    try:
        assert looking.wait(PATIENCE_S)
        indexer.rescan()
        added.set()
        assert watched.wait(PATIENCE_S)
    finally:
        assert indexer.close()
