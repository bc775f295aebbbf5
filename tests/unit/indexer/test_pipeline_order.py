"""What the pipeline does when: pauses, progress, stepping back, and what comes first."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest

from photosearch.errors import Cancelled
from photosearch.indexer.pace import Pace
from photosearch.indexer.pipeline import _READY_PHOTOS
from photosearch.progress import CancelToken, Phase, Progress
from tests.small_library import InlinePool, edit, paint
from tests.unit.indexer.line import Line, paint_all


def test_what_was_committed_before_a_cancel_stays_and_the_rest_is_done_later(line, monkeypatch):
    monkeypatch.setattr("photosearch.indexer.meter._REPORT_EVERY_S", 0.0)
    paint_all(line, 12)
    line.on_progress = lambda progress: line.cancel.cancel() if progress.done else None
    with pytest.raises(Cancelled):
        line.run()
    done = sum(s == "known" for s in line.states().values())
    assert 0 < done < 12
    assert len(line.index) == done
    line.cancel, line.on_progress = CancelToken(), lambda progress: None
    assert line.run().encoded == 12 - done
    assert set(line.states().values()) == {"known"}


def test_a_pause_finishes_what_was_begun_holds_the_rest_and_goes_on_when_resumed(line, monkeypatch):
    monkeypatch.setattr("photosearch.indexer.meter._REPORT_EVERY_S", 0.0)
    many = _READY_PHOTOS + 40  # more than are begun before the first are done
    paint_all(line, many)
    held = threading.Event()

    def listen(progress: Progress) -> None:
        line.said.append(progress)
        if progress.phase is Phase.PAUSED:
            held.set()
        elif progress.done and not held.is_set():
            line.pause.pause()

    line.on_progress = listen
    tallies = []
    thread = threading.Thread(target=lambda: tallies.append(line.run()))
    thread.start()
    try:
        assert held.wait(20)
        before = line.encoder.images
        assert 0 < before < many
        assert sum(s == "known" for s in line.states().values()) == before
        line.pause.resume()
    finally:
        thread.join(20)
    assert tallies[0].encoded == line.encoder.images == many


def test_progress_only_grows_and_ends_with_everything_done(line, monkeypatch):
    monkeypatch.setattr("photosearch.indexer.meter._REPORT_EVERY_S", 0.0)
    paint_all(line, 15)
    paint(line.root / "copy.jpg", "red")
    (line.root / "empty.jpg").touch()
    os.utime(line.root / "empty.jpg", (1, 1))
    line.run()
    done = [p.done for p in line.said]
    assert done == sorted(done)
    assert {p.total for p in line.said} == {17}
    assert done[-1] == 17
    assert line.said[-1].problems == 1


def test_the_encoder_has_its_next_batch_while_the_caches_are_filled(line, monkeypatch):
    paint_all(line, 12)
    begun = [threading.Event() for _ in range(3)]
    encode, put = line.encoder.encode_images, line.thumbnails.put
    in_time: list[bool] = []

    def encoding(pixels: np.ndarray) -> np.ndarray:
        number = sum(event.is_set() for event in begun)
        begun[number].set()
        while number < 2 and len(line.last._ready) < len(pixels):
            time.sleep(0.001)  # until the next batch is decoded, too
        return encode(pixels)

    def filling(thumbnails: list) -> None:
        following = begun[len(in_time) + 1 :]
        in_time.append(not following or following[0].wait(10))
        put(thumbnails)

    monkeypatch.setattr(line.encoder, "encode_images", encoding)
    monkeypatch.setattr(line.thumbnails, "put", filling)
    assert line.run().encoded == 12
    assert in_time == [True] * 3
    assert len(line.index) == 12


class Watched(InlinePool):
    """Says how many tasks are under way at most, and whether any were while the encoder worked."""

    workers = 4

    def __init__(self, line: Line) -> None:
        self.line, self.under_way, self.most, self.beside_the_encoder, self.closed = line, 0, 0, 0, 0
        encode = line.encoder.encode_images
        self.encoding = False

        def watched(pixels):
            self.encoding = True
            self.beside_the_encoder += self.under_way
            try:
                return encode(pixels)
            finally:
                self.encoding = False

        line.encoder.encode_images = watched

    def submit(self, function, *args):
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.beside_the_encoder += self.encoding
        return super().submit(function, *args)

    def outcome_of(self, future):
        self.under_way -= 1
        return super().outcome_of(future)

    def close(self) -> None:
        self.closed += 1


def test_while_somebody_works_few_files_are_decoded_at_a_time_and_each_batch_is_followed_by_a_rest(line):
    paint_all(line, 12)
    line.pool = Watched(line)
    assert line.run().encoded == 12
    assert line.pool.most > 2

    line.pace = Pace(power=lambda: True)
    few = line.pace.now().decoding
    paint(line.root / "more.jpg", "blue")
    for n in range(12):
        edit(line.root / f"{n:02}.jpg", "green", mark=n)
    line.pool = Watched(line)
    assert line.run().encoded == 13
    assert line.pool.most <= few
    assert line.last._rest_until > line.last._sent_at


def test_on_the_battery_nothing_is_read_where_the_user_says_so_until_there_is_mains_again(line, monkeypatch):
    monkeypatch.setattr("photosearch.indexer.pipeline.POWER_LOOK_SECONDS", 0.01)
    monkeypatch.setattr("photosearch.indexer.pace.POWER_LOOK_SECONDS", 0.0)
    paint_all(line, 3)
    battery = [True] * 5
    line.pace = Pace(on_battery="pause", power=lambda: bool(battery) and battery.pop())
    line.pool = Watched(line)
    assert line.run().encoded == 3
    assert line.said[0].phase is Phase.ON_BATTERY
    assert line.pool.closed == 1


def test_while_it_waits_for_mains_it_can_be_stopped(line, monkeypatch):
    paint_all(line, 3)
    line.pace = Pace(on_battery="pause", power=lambda: True)
    line.on_progress = lambda progress: line.cancel.cancel()
    with pytest.raises(Cancelled):
        line.run()
    assert line.encoder.images == 0


def test_with_one_core_nothing_is_decoded_while_the_model_works(line, monkeypatch):
    monkeypatch.setattr("photosearch.indexer.pace.available_cores", lambda: 8)
    paint_all(line, 20)
    line.pace = Pace(cores=1, in_background=False)
    line.pool = Watched(line)
    assert line.run().encoded == 20
    assert line.pool.beside_the_encoder == 0


def test_changed_photos_that_are_on_screen_come_before_newer_ones(line):
    paint_all(line, 40)
    line.run()
    ids = {p.path.name: p.id for p in line.catalog.photos.get(line.index.ids()).values()}
    for n in range(40):
        edit(line.root / f"{n:02}.jpg", "green", mark=n)
    paint(line.root / "new.jpg", "blue", age=-2000)
    read: list[str] = []

    class Listening(InlinePool):
        def submit(self, function, path, *args):
            read.append(path.name)
            if len(read) == 5:  # the user scrolls
                line.on_screen.show([ids["31.jpg"], ids["30.jpg"]])
            return super().submit(function, path, *args)

    line.pool = Listening()
    line.on_screen.show([ids["20.jpg"], 4711])
    assert line.run().encoded == 41
    assert read[:2] == ["20.jpg", "new.jpg"]
    assert read[5:7] == ["31.jpg", "30.jpg"]
    assert len(read) == len(set(read)) == 41
