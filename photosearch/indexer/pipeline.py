"""Decode → encode → commit: bounded, one batch in the encoder at a time, one transaction a batch.

The thread that calls ``run`` feeds the decode workers, gathers batches, and is the only one that commits. A second
thread waits for the encoder meanwhile. A batch is committed before the next one goes to the encoder, so after
``kill -9`` at most one batch is encoded again; the caches follow while the encoder has the next one.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from photosearch.catalog import Catalog, IndexedPhoto, ThumbnailStore, WorkItem
from photosearch.errors import EncoderLost, PhotoError, ProblemCode
from photosearch.indexer.decode_pool import DecodePool
from photosearch.indexer.decode_worker import ReadPhoto, read_photo
from photosearch.indexer.meter import Meter
from photosearch.indexer.pace import POWER_LOOK_SECONDS, Gait, Pace
from photosearch.indexer.waiting import SETTLE_SECONDS, OnScreen, Waiting
from photosearch.model import ModelInfo
from photosearch.progress import CancelToken, PauseSwitch, Phase, Progress
from photosearch.records import PhotoFacts
from photosearch.vectors import VectorIndex, usable

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.2
_PAUSED_LOOK_S = 60.0
_GATHER_S = 1.0
"""So long decoded photos wait for a full batch, which takes less of the processor than several small ones."""
_READY_PHOTOS = 128
"""At least so many decoded photos may wait for the encoder (a fifth of a megabyte each): while it starts, or is slower
for a moment, the workers go on."""
_TASKS_PER_WORKER = 3
_COMMIT_KNOWN_AT = 500
"""Files that need no encoding are committed in groups of so many."""
_LOST_IN_A_ROW = 3
LOOK_APART_SECONDS = 5.0
"""Looking at what the watcher heard lets the workers run dry for a moment: not oftener than this."""
_NO_VECTOR = "The model could not make anything of this picture."


class ImageEncoder(Protocol):
    """The part of ``model.Encoder`` that the pipeline uses."""

    @property
    def info(self) -> ModelInfo: ...

    def start_soon(self) -> None: ...

    def encode_images(self, pixels: np.ndarray) -> np.ndarray: ...


@dataclass(slots=True)
class Tally:
    """What became of the files, while it happens."""

    done: int = 0
    encoded: int = 0
    moved: int = 0
    copied: int = 0
    problems: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, f.name) + getattr(other, f.name) for f in dataclasses.fields(self)))


@dataclass(frozen=True, slots=True)
class _Read:
    item: WorkItem
    photo: ReadPhoto


@dataclass(slots=True)
class _ForCaches:
    """What the index and the thumbnails still lack of what was committed."""

    thumbnails: list[tuple[int, bytes]] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    """Photos whose vectors the catalog has."""
    added: int = 0
    any: bool = False


class Pipeline:
    """One run over a list of files. Everything it uses belongs to the caller."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        thumbnails: ThumbnailStore,
        index: VectorIndex,
        encoder: ImageEncoder,
        pool: DecodePool,
        model_id: int,
        max_megapixels: int,
        on_progress: Callable[[Progress], None],
        on_added: Callable[[int], None],
        cancel: CancelToken,
        pause: PauseSwitch,
        pace: Pace,
        on_screen: OnScreen,
        has_news: Callable[[], bool] = lambda: False,
        look: Callable[[], Sequence[WorkItem]] = tuple,
    ) -> None:
        """has_news: whether files changed meanwhile; then ``look`` is called, when nothing is under way, and returns
        all the work there is from then on."""
        self._catalog = catalog
        self._thumbnails = thumbnails
        self._index = index
        self._encoder = encoder
        self._pool = pool
        self._model_id = model_id
        self._max_megapixels = max_megapixels
        self._on_progress = on_progress
        self._on_added = on_added
        self._cancel = cancel
        self._pause = pause
        self._pace = pace
        self._on_screen = on_screen
        self._has_news = has_news
        self._look = look
        self._finished: queue.Queue[tuple[str, object, Future]] = queue.Queue()
        self._ready: deque[_Read] = deque()
        self._known: list[_Read] = []
        self._twins: dict[bytes, list[_Read]] = {}
        """Files whose content is in a batch that is not committed yet, by digest."""
        self._faults: list[tuple[int, ProblemCode, str]] = []
        self._unsettled = 0
        self._encoding = False
        self._ready_since = self._sent_at = self._rest_until = 0.0
        self.tally = Tally()

    def run(self, work: Sequence[WorkItem]) -> Tally:
        """Index the files. Raises Cancelled (what was committed stays) and the LibraryError tree."""
        info = self._encoder.info
        meter = Meter(len(work), self._on_progress)
        tasks = _TASKS_PER_WORKER * self._pool.workers
        limit = max(_READY_PHOTOS, tasks + info.batch)
        waiting = Waiting(work, self._on_screen)
        upcoming: WorkItem | None = waiting.next()
        in_workers = 0
        looked_at = time.monotonic()
        while True:
            self._cancel.raise_if_cancelled()
            gait = self._pace.now()
            held = self._pause.paused or gait.halted
            asked = time.monotonic() - looked_at >= LOOK_APART_SECONDS and self._has_news()
            room = min(tasks, limit - len(self._ready), gait.decoding)
            if held or asked or (gait.alternate and self._encoding):
                room = 0
            while upcoming is not None and in_workers < room:
                young = upcoming.mtime_ns / 1e9 - time.time() + SETTLE_SECONDS
                if 0 < young <= SETTLE_SECONDS:
                    if in_workers or self._ready or self._encoding:
                        break
                    self._cancel.wait(young)
                self._submit(upcoming, info)
                in_workers += 1
                upcoming = waiting.next()
            self._send_if_due(info.batch, in_workers, gait)
            drained = not in_workers and not self._encoding and not self._ready
            if len(self._known) + len(self._faults) >= _COMMIT_KNOWN_AT or (drained and (self._known or self._faults)):
                self._commit_known()
            if drained and upcoming is None:
                break
            if drained and asked:
                work = self._look()
                waiting = Waiting(work, self._on_screen)
                upcoming = waiting.next()
                meter.set_total(self.tally.done + len(work))
                looked_at = time.monotonic()
                continue
            if drained and held:
                self._stand_still(meter)
                continue
            resting = self._rest_until - time.monotonic()
            try:
                kind, what, future = self._finished.get(timeout=min(_LOOK_EVERY_S, resting if resting > 0 else 1.0))
            except queue.Empty:
                self._pool.revive()
                continue
            if kind == "read":
                in_workers -= 1
                self._take(what, future)  # type: ignore[arg-type]
            else:
                self._encoding = False
                new = self._commit_batch(what, future.result())  # type: ignore[arg-type]
                now = time.monotonic()
                self._rest_until = now + self._pace.now().rest_seconds(now - self._sent_at)
                self._send_if_due(info.batch, in_workers, gait)
                self._fill_caches(new)
            meter.report(Phase.ENCODING, done=self.tally.done, problems=self.tally.problems)
        meter.report(Phase.ENCODING, done=self.tally.done, problems=self.tally.problems, force=True)
        return self.tally

    @property
    def unsettled(self) -> int:
        """Files that changed while they were read; they stay pending for the next run."""
        return self._unsettled

    def _stand_still(self, meter: Meter) -> None:
        """Until work may go on. The workers are ended, for even when idle they would wake up now and then."""
        self._pool.close()
        while not self._cancel.cancelled:
            if self._pause.paused:
                meter.report(Phase.PAUSED, done=self.tally.done, problems=self.tally.problems, force=True)
                self._pause.wait_for_resume(_PAUSED_LOOK_S)
            elif self._pace.now().halted:
                meter.report(Phase.ON_BATTERY, done=self.tally.done, problems=self.tally.problems, force=True)
                self._cancel.wait(POWER_LOOK_SECONDS)
            else:
                break
        meter.restart()

    def _submit(self, item: WorkItem, info: ModelInfo) -> None:
        future = self._pool.submit(read_photo, item.path, item.known, info.preprocess, self._max_megapixels)
        future.add_done_callback(lambda f: self._finished.put(("read", item, f)))

    def _take(self, item: WorkItem, future: Future) -> None:
        try:
            photo: ReadPhoto = self._pool.outcome_of(future)
        except PhotoError as error:
            if error.code is ProblemCode.NOT_A_FILE:
                self.tally.done += 1  # gone since the scan; the next look at the folder says so
                return
            self._faults.append((item.file_id, error.code, error.reason))
            self.tally.done += 1
            self.tally.problems += 1
            return
        if not photo.settled:
            self._unsettled += 1
            self.tally.done += 1
            return
        read = _Read(item, photo)
        if photo.pixels is None:
            self._known.append(read)
        elif photo.digest in self._twins:
            self._twins[photo.digest].append(_Read(item, _without_content(photo)))
        else:
            self._twins[photo.digest] = []
            if not self._ready:
                self._ready_since = time.monotonic()
            self._ready.append(read)

    def _send_if_due(self, size: int, in_workers: int, gait: Gait) -> None:
        """Give the encoder its next batch, if it has none and there is a full one, or no more to be gathered."""
        now = time.monotonic()
        if not self._ready or self._encoding or now < self._rest_until or (gait.alternate and in_workers):
            return
        if len(self._ready) < size and in_workers and now - self._ready_since <= _GATHER_S:
            return
        batch = [self._ready.popleft() for _ in range(min(size, len(self._ready)))]
        self._ready_since = self._sent_at = time.monotonic()
        self._encoding = True
        future: Future = Future()
        threading.Thread(target=self._encode, args=(batch, future), name="encode", daemon=True).start()

    def _encode(self, batch: list[_Read], future: Future) -> None:
        future.add_done_callback(lambda f: self._finished.put(("encoded", batch, f)))
        try:
            future.set_result(self._vectors_of(batch))
        except BaseException as error:  # thread boundary: run() raises it
            future.set_exception(error)

    def _vectors_of(self, batch: list[_Read]) -> np.ndarray:
        """float32 [n, dim]. A batch that ends the encoder twice is tried photo by photo; the culprit gets NaN.

        Raises EncoderLost where one photo after another ends it: then it is not the photos.
        """
        pixels = np.stack([r.photo.pixels for r in batch if r.photo.pixels is not None])
        for attempt in (1, 2):
            try:
                return self._encoder.encode_images(pixels)
            except EncoderLost as error:
                log.warning("encoder lost in a batch of %d (attempt %d): %s", len(batch), attempt, error)
        rows = []
        lost_in_a_row = 0
        for one in pixels:
            try:
                rows.append(self._encoder.encode_images(one[np.newaxis])[0])
                lost_in_a_row = 0
            except EncoderLost:
                lost_in_a_row += 1
                if lost_in_a_row == _LOST_IN_A_ROW:
                    raise
                rows.append(np.full(self._encoder.info.dim, np.nan, np.float32))
        return np.stack(rows)

    def _commit_batch(self, batch: list[_Read], vectors: np.ndarray) -> _ForCaches:
        good: list[_Read] = []
        rows: list[np.ndarray] = []
        for read, vector, fine in zip(batch, vectors, usable(vectors), strict=True):
            twins = self._twins.pop(read.photo.digest)
            if fine:
                good.append(read)
                rows.append(vector)
                self._known += twins
                continue
            for bad in (read, *twins):
                self._faults.append((bad.item.file_id, ProblemCode.ENCODER_FAILED, _NO_VECTOR))
                self.tally.problems += 1
                self.tally.done += 1
        new = self._commit(good, rows)
        log.debug("committed a batch of %d", len(good))
        self.tally.encoded += len(good)
        return new

    def _commit_known(self) -> None:
        known, self._known = self._known, []
        self._fill_caches(self._commit(known, [None] * len(known)))

    def _commit(self, reads: Sequence[_Read], vectors: Sequence[np.ndarray | None]) -> _ForCaches:
        """One transaction for the catalog. What is left to do loses nothing that cannot be made again."""
        faults, self._faults = self._faults, []
        with self._catalog.database.writing():
            done = self._catalog.photos.commit(
                [
                    IndexedPhoto(
                        r.item.file_id, r.photo.size, r.photo.mtime_ns, r.photo.digest, _dated(r.photo), vector
                    )
                    for r, vector in zip(reads, vectors, strict=True)
                ],
                model_id=self._model_id,
            )
            self._catalog.files.record_problems(faults)
        new = _ForCaches(any=bool(done))
        for read, vector in zip(reads, vectors, strict=True):
            self.tally.done += 1
            outcome = done.get(read.item.file_id)
            if outcome is None:
                continue
            self.tally.moved += outcome.was_orphan
            self.tally.copied += outcome.copied
            new.added += outcome.new_photo or outcome.was_orphan
            if read.photo.thumbnail is not None:
                new.thumbnails.append((outcome.photo_id, read.photo.thumbnail))
            if vector is not None:
                new.ids.append(outcome.photo_id)
                new.rows.append(vector)
            elif outcome.was_orphan:
                new.returned.append(outcome.photo_id)
        return new

    def _fill_caches(self, new: _ForCaches) -> None:
        if new.ids:
            self._index.add(np.array(new.ids), np.stack(new.rows))
        for known_ids, known_vectors in self._catalog.embeddings.vectors(self._model_id, new.returned):
            self._index.add(known_ids, known_vectors.astype(np.float32))
        if new.thumbnails:
            self._thumbnails.put(new.thumbnails)  # last, for it writes to a disk that may be full
        if new.any:
            self._on_added(new.added)


def _dated(photo: ReadPhoto) -> PhotoFacts | None:
    """The facts; a photo that does not say when it was taken gets its file's time, so that it has a place by date."""
    if photo.facts is None or photo.facts.taken is not None:
        return photo.facts
    try:
        moment = datetime.datetime.fromtimestamp(photo.mtime_ns / 1e9)
    except (ValueError, OverflowError, OSError):  # a file from before the year 1 or after 9999
        return photo.facts
    return dataclasses.replace(photo.facts, taken=moment.isoformat(timespec="seconds"), taken_source="file")


def _without_content(photo: ReadPhoto) -> ReadPhoto:
    return ReadPhoto(photo.digest, photo.size, photo.mtime_ns, photo.settled)
