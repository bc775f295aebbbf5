from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from photosearch.catalog import FileStat
from photosearch.errors import Cancelled
from photosearch.indexer import scan
from photosearch.indexer.scan import leaves_out, walk
from photosearch.progress import CancelToken
from tests.small_library import run_without_root_powers

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def found(root: Path, **options) -> set[bytes]:
    return {rel for rel, _ in walk(root, unreadable=[], cancel=CancelToken(), **options)}


def test_pictures_are_found_in_every_depth_by_their_extension(root):
    for name in ("a.jpg", "B.JPEG", "deep/er/c.heic", "deep/d.Png", "notes.txt", "movie.mp4", "jpg", "archive.jpg.zip"):
        touch(root / name)
    assert found(root) == {b"a.jpg", b"B.JPEG", b"deep/er/c.heic", b"deep/d.Png"}


def test_what_a_stat_says_of_a_file_is_told(root):
    status = touch(root / "a.jpg").stat()
    ((_, seen),) = walk(root, unreadable=[], cancel=CancelToken())
    assert FileStat.of(seen) == (status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.jpg", "._a.jpg", ".thumbnails/a.jpg", "a/.trash/b.jpg", "@eaDir/a.jpg", "$RECYCLE.BIN/a.jpg",
        "lost+found/a.jpg", "Photos Library.photoslibrary/originals/a.jpg", "Old.APLIBRARY/a.jpg", "node_modules/a.jpg",
        "Catalog Previews.lrdata/a.jpg",
    ],
)  # fmt: skip
def test_hidden_things_and_the_insides_of_other_programs_are_left_out(root, name):
    touch(root / name)
    assert found(root) == set()
    assert found(root, under=name.encode()) == set()
    assert leaves_out(name.encode(), [])


def test_a_root_may_itself_be_hidden(tmp_path):
    touch(tmp_path / ".photos" / "a.jpg")
    assert found(tmp_path / ".photos") == {b"a.jpg"}


def test_excluded_folders_are_left_out_with_all_below_and_nothing_that_begins_alike(root):
    for name in ("trip/a.jpg", "trip/deep/b.jpg", "tripod/c.jpg", "x/trip/d.jpg"):
        touch(root / name)
    assert found(root, excludes=[b"trip"]) == {b"tripod/c.jpg", b"x/trip/d.jpg"}
    assert found(root, excludes=[b"trip"], under=b"trip/deep") == set()
    assert found(root, excludes=[b"x/trip"], under=b"x") == set()
    assert leaves_out(b"trip/deep", [b"trip"])
    assert not leaves_out(b"tripod", [b"trip"])


@posix
def test_links_are_not_followed_and_loops_do_no_harm(root, tmp_path):
    touch(root / "a.jpg")
    touch(tmp_path / "outside" / "b.jpg")
    (root / "deep").mkdir()
    (root / "deep" / "loop").symlink_to(root)
    (root / "deep" / "self").symlink_to("self")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "out.jpg").symlink_to(tmp_path / "outside" / "b.jpg")
    (root / "in.jpg").symlink_to("a.jpg")
    (root / "broken.jpg").symlink_to("nothing")
    assert found(root) == {b"a.jpg"}
    for under in (b"out", b"out.jpg", b"in.jpg", b"broken.jpg", b"deep/loop"):
        assert found(root, under=under) == set()


@posix
def test_pipes_sockets_and_folders_named_like_pictures_are_no_pictures(root, monkeypatch):
    os.mkfifo(root / "pipe.jpg")
    touch(root / "folder.jpg" / "real.jpg")
    monkeypatch.chdir(root)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.jpg")
        assert found(root) == {b"folder.jpg/real.jpg"}
        assert found(root, under=b"pipe.jpg") == found(root, under=b"socket.jpg") == set()


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8 are possible on Linux")
def test_names_need_not_be_utf_8(root):
    touch(root / os.fsdecode(b"\xff\xfe") / os.fsdecode(b"caf\xe9.jpg"))
    assert found(root) == {b"\xff\xfe/caf\xe9.jpg"}
    assert found(root, under=b"\xff\xfe/caf\xe9.jpg") == {b"\xff\xfe/caf\xe9.jpg"}


def test_only_a_part_of_the_root_may_be_looked_at(root):
    for name in ("a/x.jpg", "a/b/y.jpg", "ab/z.jpg", "a/notes.txt"):
        touch(root / name)
    assert found(root, under=b"a") == {b"a/x.jpg", b"a/b/y.jpg"}
    assert found(root, under=b"a/x.jpg") == {b"a/x.jpg"}
    assert found(root, under=b"a/notes.txt") == set()
    assert found(root, under=b"a/none") == set()
    assert found(root, under=b"a/x.jpg/below") == set()


def test_a_root_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(OSError, match="none"):
        found(tmp_path / "none")


def test_a_walk_can_be_cancelled(root):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        list(walk(root, unreadable=[], cancel=cancel))


_WALK = """
import sys
from pathlib import Path
from photosearch.indexer.scan import walk
from photosearch.progress import CancelToken
unreadable = []
seen = walk(Path(sys.argv[1]), under=sys.argv[2].encode(), unreadable=unreadable, cancel=CancelToken())
print(sorted(rel for rel, _ in seen), unreadable)
"""


@posix
@pytest.mark.parametrize(
    ("mode", "under", "answer"),
    [
        (0o000, "", "[b'a.jpg'] [b'locked']"),
        (0o400, "", "[b'a.jpg'] [b'locked/b.jpg']"),  # names can be listed, but nothing looked at
        (0o000, "locked", "[] [b'locked']"),
        (0o000, "locked/b.jpg", "[] [b'locked/b.jpg']"),
    ],
)
def test_places_that_cannot_be_looked_at_are_told_apart_from_missing_ones(root, mode, under, answer):
    touch(root / "a.jpg")
    touch(root / "locked" / "b.jpg")
    (root / "locked").chmod(mode)
    try:
        done = run_without_root_powers(_WALK, str(root), under)
    finally:
        (root / "locked").chmod(0o755)
    assert done.stdout.strip() == answer, done.stderr


def test_a_listing_that_breaks_off_in_the_middle_says_nothing_of_what_is_gone(root, monkeypatch):
    for name in ("a.jpg", "failing/b.jpg", "failing/c.jpg"):
        touch(root / name)
    listed = scan._listed

    def failing(place: bytes) -> list:
        if place.endswith(b"failing"):
            raise OSError(5, "Input/output error")
        return listed(place)

    monkeypatch.setattr(scan, "_listed", failing)
    unreadable: list[bytes] = []
    seen = walk(root, unreadable=unreadable, cancel=CancelToken())
    assert ([rel for rel, _ in seen], unreadable) == ([b"a.jpg"], [b"failing"])
