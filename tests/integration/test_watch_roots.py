"""What may happen to a watched root as a whole, and to the system that tells of changes: real mounts, real limits."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from photosearch.indexer import background, inotify, watch
from photosearch.indexer.inotify import InotifyTrees
from photosearch.indexer.volumes import Volume, VolumeKind
from photosearch.library import Library
from photosearch.progress import Notice
from photosearch.records import FileState, FolderState, Query
from tests.small_library import Heard, decode_inline, full_disk, open_library, paint, unmount
from tests.storm import bound_by_permissions

linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify and mounts of Linux")


class Watching:
    """A library that looks at its roots several times a second."""

    def __init__(self, library: Library, root: Path) -> None:
        self.library, self.root, self.heard = library, root, Heard()

    def start(self) -> None:
        self.library.add_folder(self.root)
        self.library.watch(self.heard)

    @property
    def state(self) -> FolderState:
        return self.library.folders()[0].state

    @property
    def away(self) -> int:
        return self.library.folders()[0].away

    def names(self) -> set[str]:
        return {h.path.name for h in self.library.search(Query("red")).hits}

    def until(self, condition: Callable[[], bool], what: str) -> None:
        self.heard.wait(condition, what)

    def until_found(self, *names: str) -> None:
        self.until(lambda: self.names() == set(names), f"the photos are {names}")

    def until_told(self, part: str) -> None:
        self.until(lambda: any(part in s for s in self.told()), f"a notice says {part!r}")

    def told(self) -> list[str]:
        return [e.sentence for e in self.heard.events if isinstance(e, Notice)]


@pytest.fixture
def quick(monkeypatch) -> None:
    decode_inline(monkeypatch)
    monkeypatch.setattr("photosearch.indexer.watch.QUIET_SECONDS", 0.1)
    monkeypatch.setattr("photosearch.indexer.pipeline.SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(
        "photosearch.library.library.BackgroundIndexer",
        partial(background.BackgroundIndexer, root_check_seconds=0.3, retry_seconds=0.3, poll_seconds=0.3),
    )


@pytest.fixture
def watching(app_paths_in_tmp, tmp_path, quick) -> Iterator[Watching]:
    library = open_library(app_paths_in_tmp)
    (tmp_path / "photos").mkdir()
    try:
        yield Watching(library, tmp_path / "photos")
    finally:
        library.close()


def test_a_root_that_is_renamed_is_away_at_once_and_the_status_says_so(watching):
    paint(watching.root / "a.jpg", "red")
    watching.start()
    watching.until_found("a.jpg")
    watching.root.rename(watching.root.with_name("elsewhere"))
    watching.until(lambda: watching.state is FolderState.AWAY, "the folder is away")
    watching.until_told("is not there now")
    assert watching.library.status().away == 1
    watching.root.with_name("elsewhere").rename(watching.root)
    watching.until(lambda: watching.state is FolderState.HERE, "the folder is back")
    watching.until_told("is back")
    paint(watching.root / "b.jpg", "red", mark=1)
    watching.until_found("a.jpg", "b.jpg")


@linux
def test_a_root_that_cannot_be_read_for_a_while_keeps_its_photos(app_paths_in_tmp, tmp_path, quick):
    with bound_by_permissions():
        library = open_library(app_paths_in_tmp)
        watching = Watching(library, tmp_path / "photos")
        paint(watching.root / "a.jpg", "red")
        try:
            watching.start()
            watching.until_found("a.jpg")
            watching.root.chmod(0)
            watching.until(lambda: watching.state is FolderState.UNREADABLE, "the folder is unreadable")
            watching.until_told("cannot be read now")
            assert watching.names() == {"a.jpg"}
            watching.root.chmod(0o755)
            watching.until(lambda: watching.state is FolderState.HERE, "the folder is here")
            paint(watching.root / "b.jpg", "red", mark=1)
            watching.until_found("a.jpg", "b.jpg")
        finally:
            watching.root.chmod(0o755)
            library.close()


@linux
def test_a_drive_that_is_unmounted_is_away_and_watched_again_when_it_is_back(watching, tmp_path):
    drive = tmp_path / "drive"
    if not full_disk(drive, size="4m"):
        pytest.skip("mounting needs root")
    mounted = [watching.root]
    try:
        paint(drive / "a.jpg", "red")
        subprocess.run(["mount", "--bind", drive, watching.root], check=True)
        watching.start()
        watching.until_found("a.jpg")
        unmount(watching.root)
        mounted.clear()
        watching.until(lambda: watching.state is FolderState.AWAY, "the drive is away")
        watching.until_told("is not there now")
        assert watching.names() == {"a.jpg"}
        paint(drive / "b.jpg", "red", mark=1)
        subprocess.run(["mount", "--bind", drive, watching.root], check=True)
        mounted.append(watching.root)
        watching.until_found("a.jpg", "b.jpg")
        assert watching.state is FolderState.HERE
        paint(watching.root / "c.jpg", "red", mark=2)
        watching.until_found("a.jpg", "b.jpg", "c.jpg")
    finally:
        watching.library.close()
        for place in (*mounted, drive):
            unmount(place)


@linux
def test_events_that_were_lost_are_made_up_for_and_told(watching, monkeypatch):
    """The listener is held while more happens than the kernel's queue takes."""
    limit = Path("/proc/sys/fs/inotify/max_queued_events")
    before = limit.read_text()
    try:
        limit.write_text("16")
    except OSError:
        pytest.skip("the length of the kernel's queue may not be changed here")
    held, go_on = threading.Event(), threading.Event()
    parsed = inotify._parsed

    def slowly(data: bytes):
        held.set()
        go_on.wait(30)
        return parsed(data)

    try:
        monkeypatch.setattr("photosearch.indexer.inotify._parsed", slowly)
        paint(watching.root / "a.jpg", "red")
        watching.start()
        watching.until_found("a.jpg")
        limit.write_text(before)
        (watching.root / "first.txt").write_text("x")
        held.wait(30)
        for n in range(40):
            paint(watching.root / f"sub-{n}" / "new.jpg", "red", mark=n + 1)
        go_on.set()
        watching.until_told("lost track")
        watching.until(lambda: len(watching.library.search(Query("red")).hits) == 41, "all are found")
        paint(watching.root / "sub-39" / "later.jpg", "red", mark=99)  # is the folder watched that was not heard of?
        watching.until(lambda: "later.jpg" in watching.names(), "and one that came later")
    finally:
        go_on.set()
        limit.write_text(before)


@linux
def test_a_tree_with_more_folders_than_watches_are_left_is_looked_through_instead(watching, monkeypatch):
    add, left = InotifyTrees._add, [4]

    def few(self, place: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "no watches left")
        left[0] -= 1
        return add(self, place)

    monkeypatch.setattr(InotifyTrees, "_add", few)
    paint(watching.root / "one" / "a.jpg", "red")
    watching.start()
    watching.until_found("a.jpg")
    assert watching.told() == []
    for n in range(6):
        paint(watching.root / "one" / f"two-{n}" / f"{n}.jpg", "red", mark=n + 1)
    watching.until_told("every few minutes")
    everything = {"a.jpg", *(f"{n}.jpg" for n in range(6))}
    watching.until_found(*everything)
    paint(watching.root / "one" / "two-5" / "later.jpg", "red", mark=9)
    watching.until_found(*everything, "later.jpg")
    assert watching.library.folders()[0].watching == "polling"


@linux
@pytest.mark.long  # the limit is the whole machine's: another test that watches meanwhile would meet it too
def test_a_limit_of_the_system_is_met_with_looking_through(watching):
    limit = Path("/proc/sys/fs/inotify/max_user_watches")
    before = limit.read_text()
    try:
        limit.write_text("1")
    except OSError:
        pytest.skip("the limit of watches may not be changed here")
    try:
        for n in range(3):
            paint(watching.root / f"sub-{n}" / f"{n}.jpg", "red", mark=n)
        watching.start()
        watching.until_told("every few minutes")
        paint(watching.root / "sub-2" / "later.jpg", "red", mark=9)
        watching.until_found("0.jpg", "1.jpg", "2.jpg", "later.jpg")
    finally:
        limit.write_text(before)


def test_a_network_drive_is_looked_through_and_never_listened_to(watching, monkeypatch):
    for module in ("indexer.watch", "library.library"):
        monkeypatch.setattr(f"photosearch.{module}.volume_of", lambda *_: Volume(VolumeKind.NETWORK, "nfs4"))
    monkeypatch.setattr(watch, "trees_of_this_system", lambda **_: pytest.fail("it is listened to"))
    paint(watching.root / "a.jpg", "red")
    watching.start()
    watching.until_found("a.jpg")
    paint(watching.root / "b.jpg", "red", mark=1)
    watching.until_found("a.jpg", "b.jpg")
    assert watching.library.folders()[0].watching == "polling"
    assert watching.told() == []


def test_many_photos_that_vanish_are_away_until_the_user_says_so_and_those_that_moved_are_not(watching, tmp_path):
    for n in range(80):
        paint(watching.root / "kept" / f"{n}.jpg", "red", mark=n)
        paint(watching.root / "trip" / f"{n}.jpg", "red", mark=100 + n)
    watching.start()
    watching.until(lambda: len(watching.library.search(Query("red")).hits) == 160, "all are found")
    (watching.root / "trip").rename(tmp_path / "trip")
    watching.until(lambda: watching.away == 80, "they are away")
    watching.until_told("80 files")
    assert watching.library.status().searchable == 160
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "trip", other)  # copies: other files to the system, the same photos to us
    for n in range(30):
        (other / f"{n}.jpg").unlink()
    watching.library.add_folder(other)
    watching.until(
        lambda: sum(f.away for f in watching.library.folders()) == 30, "those that moved are missing no more"
    )
    missing = [p for p in watching.library.timeline() if p.away]
    assert len(missing) == 30
    assert watching.library.forget_away(watching.root) == 30
    status = watching.library.status()
    assert (status.away, status.searchable) == (0, 130)
    assert {p.state for t in watching.library.timeline() for p in watching.library.photo(t.photo_id).places} == {
        FileState.KNOWN
    }
