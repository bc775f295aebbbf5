"""Thumbnails: bounded, the newest wishes first, and decoded off the GUI thread."""

from __future__ import annotations

import threading

import pytest

from photosearch.ui.thumbnails import Thumbnails, decode
from photosearch.ui.worker import Worker
from tests.ui.fake_library import jpeg


class Source:
    """Hands out one picture; can hold back."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.threads: set[int] = set()

    def thumbnail(self, photo_id: int) -> bytes | None:
        self.asked.append(photo_id)
        self.threads.add(threading.get_ident())
        assert self.gate.wait(20)
        return jpeg(512, 384, "#336699") if photo_id > 0 else None


@pytest.fixture
def worker(qtbot):
    made = Worker(2)
    yield made
    made.drop_all()
    assert made.finish(5000)


@pytest.fixture
def source():
    return Source()


def test_the_cache_stays_within_its_bytes_and_keeps_the_newest(qtbot, worker, source):
    thumbnails = Thumbnails(worker, cache_bytes=2_000_000)
    thumbnails.use(source)
    thumbnails.want(range(1, 41), side_px=256)
    qtbot.waitUntil(lambda: len(source.asked) == 40 and not worker.busy)
    assert 0 < thumbnails.bytes_kept <= 2_000_000
    assert thumbnails.image(40) is not None
    assert thumbnails.image(1) is None
    assert threading.get_ident() not in source.threads


def test_what_is_on_screen_stays_whatever_it_takes(qtbot, worker, source):
    thumbnails = Thumbnails(worker, cache_bytes=1_000_000)
    thumbnails.use(source)
    thumbnails.want(range(1, 41), side_px=256, shown=20)
    qtbot.waitUntil(lambda: len(source.asked) == 40 and not worker.busy)
    assert all(thumbnails.image(photo_id) for photo_id in range(1, 21))
    assert thumbnails.bytes_kept <= 21 * 256 * 192 * 4


def test_a_library_that_is_opened_anew_does_not_wait_for_what_was_asked_of_the_one_before(qtbot, worker, source):
    thumbnails = Thumbnails(worker)
    thumbnails.use(source)
    source.gate.clear()
    thumbnails.want([1], side_px=256)
    qtbot.waitUntil(lambda: source.asked == [1])
    anew = Source()
    thumbnails.use(anew)
    thumbnails.want(range(1, 41), side_px=256)
    source.gate.set()
    qtbot.waitUntil(lambda: all(thumbnails.image(photo_id) for photo_id in range(1, 41)))
    assert sorted(anew.asked) == list(range(1, 41))


def test_after_a_rest_only_what_shows_is_kept(qtbot, worker, source):
    thumbnails = Thumbnails(worker, rest_ms=200)
    thumbnails.use(source)
    thumbnails.want(range(1, 21), side_px=256, shown=5)
    qtbot.waitUntil(lambda: len(source.asked) == 20 and not worker.busy)
    qtbot.waitUntil(lambda: thumbnails.bytes_kept == 5 * 256 * 192 * 4)
    assert thumbnails.image(5) is not None and thumbnails.image(6) is None
    qtbot.waitUntil(lambda: not worker.busy)


def test_each_thumbnail_is_as_large_as_its_tile_needs(qtbot, worker, source):
    thumbnails = Thumbnails(worker)
    thumbnails.use(source)
    thumbnails.want([1, 2], side_px=[130, 700])
    qtbot.waitUntil(lambda: len(source.asked) == 2 and not worker.busy)
    assert [thumbnails.image(photo_id).width() for photo_id in (1, 2)] == [160, 512]


def test_what_scrolled_away_is_never_loaded(qtbot, worker, source):
    thumbnails = Thumbnails(worker)
    thumbnails.use(source)
    source.gate.clear()
    thumbnails.want(range(1, 101), side_px=256)
    qtbot.waitUntil(lambda: len(source.asked) >= 2)
    thumbnails.want([500, 501], side_px=256)
    source.gate.set()
    qtbot.waitUntil(lambda: thumbnails.image(501) is not None)
    assert set(source.asked) <= {1, 2, 3, 4, 500, 501}


def test_larger_tiles_get_sharper_thumbnails_and_smaller_ones_keep_them(qtbot, worker, source):
    thumbnails = Thumbnails(worker)
    thumbnails.use(source)
    thumbnails.want([1], side_px=90)
    qtbot.waitUntil(lambda: thumbnails.image(1) is not None)
    assert thumbnails.image(1).width() == 96
    thumbnails.want([1], side_px=400)
    qtbot.waitUntil(lambda: thumbnails.image(1).width() == 448)
    thumbnails.want([1], side_px=90)
    assert not worker.busy


def test_a_photo_without_one_is_asked_for_once(qtbot, worker, source):
    thumbnails = Thumbnails(worker)
    thumbnails.use(source)
    thumbnails.want([-1], side_px=90)
    qtbot.waitUntil(lambda: thumbnails.is_missing(-1))
    thumbnails.want([-1], side_px=90)
    assert source.asked == [-1]
    thumbnails.retry_missing()
    thumbnails.want([-1], side_px=90)
    qtbot.waitUntil(lambda: source.asked == [-1, -1])


def test_bytes_that_are_no_picture_give_none():
    assert decode(b"", side_px=100).isNull()
    assert decode(b"<svg xmlns='http://www.w3.org/2000/svg'/>", side_px=100).isNull()
    assert decode(jpeg(300, 200, "#000000"), side_px=150).width() == 150
