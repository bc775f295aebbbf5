from __future__ import annotations

import pytest

from photosearch.indexer import watch
from photosearch.indexer.watch import DirtyPlaces


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watch, "time", clock)
    return clock


def test_places_are_given_when_they_have_been_still(clock):
    dirty = DirtyPlaces()
    assert (dirty.take(), dirty.seconds_to_wait()) == ({}, None)
    dirty.mark(1, b"a.jpg")
    clock.now += 0.5
    dirty.mark(2, b"b.jpg")
    assert dirty.take() == {}
    assert dirty.seconds_to_wait() == pytest.approx(watch.QUIET_SECONDS)
    clock.now += watch.QUIET_SECONDS
    assert dirty.take() == {1: {b"a.jpg"}, 2: {b"b.jpg"}}
    assert dirty.take() == {}


def test_a_folder_that_is_never_still_is_looked_at_even_so(clock):
    dirty = DirtyPlaces()
    given = {}
    for _ in range(100):
        dirty.mark(1, b"a.jpg")
        clock.now += 0.1
        given = dirty.take()
        if given:
            break
    assert given == {1: {b"a.jpg"}}
    assert clock.now - 100 <= watch.LONGEST_WAIT_SECONDS + 0.2


def test_very_many_places_are_the_whole_folder(clock):
    dirty = DirtyPlaces()
    for number in range(1000):
        dirty.mark(1, b"%d.jpg" % number)
    dirty.mark(2, b"x.jpg")
    dirty.mark(2, b"")
    dirty.mark(2, b"y.jpg")
    clock.now += 1
    assert dirty.take() == {1: {b""}, 2: {b""}}


def test_a_mark_wakes_and_marks_can_be_dropped(clock):
    dirty = DirtyPlaces()
    dirty.mark(1, b"a.jpg")
    assert dirty.wake.is_set()
    dirty.discard()
    clock.now += 10
    assert dirty.take() == {}
