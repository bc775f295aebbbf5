"""What becomes of each photo, of copies and problems, and of an encoder that is lost."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

from photosearch.errors import DiskFull, EncoderLost
from photosearch.indexer.decode_pool import DecodePool
from photosearch.indexer.decode_worker import read_photo
from photosearch.indexer.pipeline import Pipeline, Tally
from tests.fakes import ColourEncoder
from tests.small_library import InlinePool, edit, paint
from tests.unit.indexer.line import paint_all


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
