from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from photosearch.catalog import Catalog, ThumbnailStore
from photosearch.errors import Cancelled, DiskFull, EncoderLost
from photosearch.indexer.changes import record_changes
from photosearch.indexer.decode_pool import DecodePool
from photosearch.indexer.decode_worker import read_photo
from photosearch.indexer.pace import Pace
from photosearch.indexer.pipeline import _READY_PHOTOS, Pipeline, Tally
from photosearch.indexer.waiting import OnScreen
from photosearch.model import ModelSpec
from photosearch.progress import CancelToken, PauseSwitch, Phase, Progress
from photosearch.vectors import VectorIndex
from tests.fakes import ColourEncoder
from tests.small_library import InlinePool, edit, paint


class Line:
    """A pipeline over a folder on disk, with an encoder that sees colours and no processes."""

    def __init__(self, catalog: Catalog, root: Path, *, batch: int = 4) -> None:
        self.catalog, self.root = catalog, root
        catalog.folders.add(root)
        self.folder_id = catalog.folders.all()[0].id
        self.encoder = ColourEncoder(ModelSpec(name="colours", kind="folder", identity="colours-1"), batch=batch)
        self.encoder.info = self.encoder.info.__class__(
            **{**{f: getattr(self.encoder.info, f) for f in self.encoder.info.__dataclass_fields__}, "batch": batch}
        )
        self.model_id = catalog.embeddings.register("colours-1", name="colours", dim=self.encoder.info.dim)
        self.index = VectorIndex(model="colours-1", dim=self.encoder.info.dim)
        self.thumbnails = ThumbnailStore(root.parent / "cache" / "thumbnails.sqlite3")
        self.cancel, self.pause = CancelToken(), PauseSwitch()
        self.pace = Pace(in_background=False)
        self.on_screen = OnScreen()
        self.said: list[Progress] = []
        self.added = 0
        self.pool: InlinePool | DecodePool = InlinePool()
        self.on_progress: Callable[[Progress], None] = self.said.append

    def _on_added(self, count: int) -> None:
        self.added += count

    def look(self) -> None:
        record_changes(self.catalog, cancel=CancelToken())

    def run(self) -> Tally:
        self.look()
        self.last = Pipeline(
            catalog=self.catalog, thumbnails=self.thumbnails, index=self.index, encoder=self.encoder, pool=self.pool,
            model_id=self.model_id, max_megapixels=250, on_progress=self.on_progress, on_added=self._on_added,
            cancel=self.cancel, pause=self.pause, pace=self.pace, on_screen=self.on_screen,
        )  # fmt: skip
        return self.last.run(self.catalog.files.work(self.model_id))

    def states(self) -> dict[str, str]:
        return {os.fsdecode(rel): r.state.value for rel, r in self.catalog.files.snapshot(self.folder_id).items()}

    def problems(self) -> dict[str, str]:
        return {p.path.name: p.code for p in self.catalog.files.problems()}


@pytest.fixture
def line(catalog, root):
    line = Line(catalog, root)
    yield line
    line.thumbnails.close()


def paint_all(line: Line, count: int) -> None:
    for n in range(count):
        paint(line.root / f"{n:02}.jpg", "red", mark=n, age=n)


def test_every_photo_gets_its_facts_a_thumbnail_and_a_vector(line):
    for colour in ("red", "green", "blue"):
        paint(line.root / f"{colour}.jpg", colour)
    tally = line.run()
    assert (tally.done, tally.encoded, tally.problems) == (3, 3, 0)
    tiles = line.catalog.photos.timeline()
    assert [(t.width, t.height, t.taken is not None) for t in tiles] == [(32, 24, True)] * 3
    assert all((line.thumbnails.get(t.photo_id) or b"").startswith(b"\xff\xd8") for t in tiles)
    assert line.index.ids().tolist() == line.catalog.embeddings.ids(line.model_id).tolist()
    query = line.encoder.encode_texts(["red"])[0]
    best = line.catalog.photos.get([int(line.index.search(query, 1)[0][0])])
    assert next(iter(best.values())).path.name == "red.jpg"


def test_nothing_is_read_twice(line):
    paint_all(line, 3)
    line.run()
    assert line.run() == Tally()
    assert line.encoder.images == 3


def test_copies_in_one_batch_are_encoded_once(line):
    for n in range(5):
        paint(line.root / f"{n}.jpg", "red", age=n)
    paint(line.root / "other.jpg", "blue")
    tally = line.run()
    assert (line.encoder.images, tally.encoded, tally.copied, tally.done) == (2, 2, 4, 6)
    assert set(line.states().values()) == {"known"}
    assert len(line.catalog.photos.timeline()) == 2
    assert line.added == 2


def test_a_copy_that_comes_later_is_hashed_and_not_encoded(line):
    paint(line.root / "a.jpg", "red")
    line.run()
    paint(line.root / "b.jpg", "red")
    assert line.run() == Tally(done=1, copied=1)
    assert line.encoder.images == 1


def test_a_photo_that_was_away_for_a_while_is_searchable_again_without_encoding(line):
    photo = paint(line.root / "a.jpg", "red")
    paint(line.root / "b.jpg", "blue")
    line.run()
    photo.unlink()
    line.look()
    line.index.remove(np.setdiff1d(line.index.ids(), line.catalog.embeddings.ids(line.model_id)))
    assert len(line.index) == 1
    paint(line.root / "back.jpg", "red")
    assert line.run() == Tally(done=1, moved=1)
    assert len(line.index) == 2
    assert line.encoder.images == 2


def test_a_touched_file_with_the_same_content_is_not_encoded(line):
    photo = paint(line.root / "a.jpg", "red")
    line.run()
    os.utime(photo, (1, 1))
    assert line.run() == Tally(done=1)
    assert line.encoder.images == 1


def test_an_edited_photo_is_encoded_and_its_old_content_is_out_of_sight(line):
    photo = paint(line.root / "a.jpg", "red")
    line.run()
    edit(photo, "blue")
    assert line.run().encoded == 1
    assert len(line.catalog.photos.timeline()) == 1


def test_two_photos_that_swapped_their_names_are_not_encoded(line):
    paint(line.root / "a.jpg", "red")
    paint(line.root / "b.jpg", "blue", age=100)
    line.run()
    before = {p.path.name: i for i, p in line.catalog.photos.get(line.index.ids().tolist()).items()}
    (line.root / "a.jpg").rename(line.root / "x")
    (line.root / "b.jpg").rename(line.root / "a.jpg")
    (line.root / "x").rename(line.root / "b.jpg")
    assert line.run().encoded == 0
    after = {p.path.name: i for i, p in line.catalog.photos.get(line.index.ids().tolist()).items()}
    assert after == {"a.jpg": before["b.jpg"], "b.jpg": before["a.jpg"]}


class Harmed:
    """An encoder that goes wrong with pictures of one colour."""

    def __init__(self, inner: ColourEncoder, wrong: Callable[[np.ndarray], np.ndarray | None]) -> None:
        self._inner, self._wrong = inner, wrong
        self.info = inner.info
        self.asked: list[int] = []

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        self.asked.append(len(pixels))
        is_blue = pixels[:, 0, 0, 2] > 180
        rows = self._inner.encode_images(pixels)
        if is_blue.any():
            row = self._wrong(rows[0])
            rows[is_blue] = row
        return rows


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_picture_the_model_makes_nothing_of_is_a_problem_and_so_are_its_copies(line, value):
    paint(line.root / "a.jpg", "red")
    paint(line.root / "b.jpg", "blue")
    paint(line.root / "b-copy.jpg", "blue")
    line.encoder = Harmed(line.encoder, lambda row: np.full_like(row, value))
    tally = line.run()
    assert (tally.done, tally.encoded, tally.problems) == (3, 1, 2)
    assert line.problems() == {"b.jpg": "encoder-failed", "b-copy.jpg": "encoder-failed"}
    assert line.run() == Tally()


def test_an_encoder_that_is_lost_once_costs_nothing(line):
    paint_all(line, 3)
    paint(line.root / "blue.jpg", "blue")
    times = []

    def lost_once(row: np.ndarray) -> np.ndarray:
        times.append(1)
        if len(times) == 1:
            raise EncoderLost("gone")
        return row

    line.encoder = Harmed(line.encoder, lost_once)
    tally = line.run()
    assert (tally.encoded, tally.problems) == (4, 0)


def test_a_picture_that_always_ends_the_encoder_is_the_only_one_that_suffers(line):
    paint_all(line, 6)
    paint(line.root / "blue.jpg", "blue")

    def lost(row: np.ndarray) -> None:
        raise EncoderLost("gone")

    line.encoder = Harmed(line.encoder, lost)
    tally = line.run()
    assert (tally.encoded, tally.problems, tally.done) == (6, 1, 7)
    assert line.problems() == {"blue.jpg": "encoder-failed"}


def test_an_encoder_that_every_photo_ends_stops_the_run_and_blames_none(line):
    paint_all(line, 6)
    encode_images = line.encoder.encode_images
    line.encoder.encode_images = _always_lost
    with pytest.raises(EncoderLost):
        line.run()
    assert line.problems() == {}
    line.encoder.encode_images = encode_images
    assert line.run().encoded == 6


def _always_lost(pixels: np.ndarray) -> np.ndarray:
    raise EncoderLost("the driver is broken")


def test_a_damaged_file_is_a_problem_with_its_reason_and_the_others_go_on(line):
    paint_all(line, 2)
    (line.root / "cut.jpg").write_bytes((line.root / "00.jpg").read_bytes()[:200])
    (line.root / "empty.jpg").touch()
    for name in ("cut.jpg", "empty.jpg"):
        os.utime(line.root / name, (1, 1))
    tally = line.run()
    assert (tally.encoded, tally.problems) == (2, 2)
    assert line.problems() == {"cut.jpg": "damaged", "empty.jpg": "empty"}


def test_a_file_that_vanished_since_the_look_is_no_problem(line):
    paint_all(line, 2)
    line.look()
    (line.root / "00.jpg").unlink()
    tally = Pipeline(
        catalog=line.catalog, thumbnails=line.thumbnails, index=line.index, encoder=line.encoder, pool=line.pool,
        model_id=line.model_id, max_megapixels=250, on_progress=line.on_progress, on_added=line._on_added,
        cancel=line.cancel, pause=line.pause, pace=line.pace, on_screen=line.on_screen,
    ).run(line.catalog.files.work(line.model_id))  # fmt: skip
    assert (tally.encoded, tally.problems, tally.done) == (1, 0, 2)
    assert line.problems() == {}


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_run(line):
    paint_all(line, 2)

    class Growing(InlinePool):
        def submit(self, function, path, *args):
            future = super().submit(function, path, *args)
            if path.name == "00.jpg":
                photo = future.result()
                future = super().submit(
                    lambda: photo.__class__(photo.digest, photo.size, photo.mtime_ns, settled=False)
                )
            return future

    line.pool = Growing()
    assert line.run().encoded == 1
    assert line.last.unsettled == 1
    assert line.states() == {"00.jpg": "pending", "01.jpg": "known"}


def test_a_file_written_a_moment_ago_is_read_last(line):
    order = []

    class Noting(InlinePool):
        def submit(self, function, path, *args):
            order.append(path.name)
            return super().submit(function, path, *args)

    paint_all(line, 3)
    os.utime(line.root / "01.jpg")
    line.pool = Noting()
    line.run()
    assert order == ["00.jpg", "02.jpg", "01.jpg"]


def test_a_photo_without_a_date_gets_its_files_and_one_of_an_impossible_time_none(line):
    paint(line.root / "a.jpg", "red")
    os.utime(paint(line.root / "far.jpg", "blue"), ns=(9 * 10**18, 9 * 10**18))
    moment = (line.root / "far.jpg").stat().st_mtime_ns
    line.run()
    taken = {p.path.name: p.facts.taken for p in line.catalog.photos.get(line.index.ids().tolist()).values()}
    assert taken["a.jpg"].startswith("20")
    assert taken["far.jpg"] is not None or moment > 2**63 - 1


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


def test_a_disk_that_is_full_stops_the_run_and_what_was_committed_is_searchable(line, monkeypatch):
    paint_all(line, 3)

    def full(thumbnails: object) -> None:
        raise DiskFull(line.root)

    monkeypatch.setattr(line.thumbnails, "put", full)
    with pytest.raises(DiskFull):
        line.run()
    assert line.index.ids().tolist() == line.catalog.embeddings.ids(line.model_id).tolist() != []


def test_the_same_is_done_in_real_worker_processes(line):
    for colour in ("red", "green", "blue"):
        paint(line.root / f"{colour}.jpg", colour)
    (line.root / "empty.jpg").touch()
    os.utime(line.root / "empty.jpg", (1, 1))
    line.pool = DecodePool(1)
    try:
        tally = line.run()
        digest = line.pool.run(read_photo, line.root / "red.jpg", frozenset(), line.encoder.info.preprocess, 250).digest
    finally:
        line.pool.close()
    assert (tally.encoded, tally.problems) == (3, 1)
    known = read_photo(line.root / "red.jpg", frozenset({digest}), line.encoder.info.preprocess, 250)
    assert (known.digest, known.pixels) == (digest, None)


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
