"""The model a library uses: its encoder, its index, and keeping that index in line with the catalog."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from photosearch.catalog import Catalog
from photosearch.errors import IndexDamaged
from photosearch.indexer.indexer import ActiveModel
from photosearch.library.everyday import EverydayWords, words_file
from photosearch.model import ModelInfo, ModelSpec
from photosearch.paths import AppPaths
from photosearch.search import Engine
from photosearch.vectors import RECALL_FLOOR, Recall, VectorIndex

log = logging.getLogger(__name__)

_ADDED_AT_ONCE = 2000
"""So many vectors go into the graph while one waits (under a second); more are held, and follow in the background."""
_GROWN_AT_ONCE = 64
_LEFT_FREE_SECONDS = 0.002
"""The index is left alone for so long in between: without that whoever searches might wait for the whole graph."""
_SAVE_EVERY_SECONDS = 300.0
_SAVE_AT_ONCE_UP_TO = 20_000
"""Writing a small index takes no time; a large one is written now and then, for it can always be made again."""


class AnyEncoder(Protocol):
    """The part of ``model.Encoder`` that a library uses."""

    @property
    def info(self) -> ModelInfo: ...

    def encode_images(self, pixels: np.ndarray) -> np.ndarray: ...

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray: ...

    def start_soon(self) -> None: ...

    def warm_up(self) -> None: ...

    def close(self) -> None: ...


class ModelInUse:
    """What the indexer and the search share. Safe to use from several threads; the parts are made when first needed."""

    def __init__(
        self, spec: ModelSpec, *, encoder: AnyEncoder, catalog: Catalog, paths: AppPaths, read_only: bool
    ) -> None:
        self.spec = spec
        self.encoder = encoder
        self._catalog = catalog
        self._paths = paths
        self._read_only = read_only
        self._lock = threading.RLock()
        self._row: tuple[int, str, int] | None = None  # id, identity, dim
        self._index: VectorIndex | None = None
        self._engine: Engine | None = None
        self._words: EverydayWords | None = None
        self._count_at_rest: int | None = None
        self._saved_at = 0.0
        self._growing: threading.Thread | None = None
        self._closing = threading.Event()
        self._measured = 0
        self._mended = False

    @property
    def known_id(self) -> int | None:
        """The model's id in the catalog, None while the library has nothing of this model. Starts no process."""
        row = self._find_row()
        return row[0] if row else None

    @property
    def name(self) -> str:
        return self.spec.name

    def _find_row(self) -> tuple[int, str, int] | None:
        with self._lock:
            if self._row is None:
                for row, _ in reversed(self._catalog.embeddings.models()):
                    if row.identity == self.spec.identity or (
                        self.spec.identity is None and row.name == self.spec.name
                    ):
                        self._row = (row.id, row.identity, row.dim)
                        break
            return self._row

    def activate(self) -> ActiveModel:
        """Register what the encoder says of itself; it is started where only that tells. Raises ModelUnavailable."""
        info: ModelInfo = self.encoder.info
        with self._lock:
            if self._row is None or self._row[1] != info.identity:
                model_id = self._catalog.embeddings.register(info.identity, name=self.spec.name, dim=info.dim)
                self._row = (model_id, info.identity, info.dim)
                self._index = self._engine = self._words = None
            index = self.index()
            assert index is not None
            return ActiveModel(self._row[0], index, self.encoder)

    def index(self) -> VectorIndex | None:
        """The index, in line with the catalog; None while the library has nothing of this model."""
        with self._lock:
            row = self._find_row()
            if row is None:
                return None
            if self._index is None:
                self._index, self._count_at_rest = self._load(row), None
                self._bring_in_line(self._index, row[0])
                self._grow_in_background(self._index)
            return self._index

    @property
    def index_count(self) -> int:
        """How many vectors the index has; one that rests is not read for this."""
        with self._lock:
            if self._index is None and self._count_at_rest is not None:
                return self._count_at_rest
            index = self.index()
            return len(index) if index is not None else 0

    def rest(self) -> None:
        """Let go of the index, which is read again when it is asked for. Not while an index run uses it."""
        self.save(now=True)
        with self._lock:
            growing = self._growing is not None and self._growing.is_alive()
            if self._index is None or self._index.dirty or self._index.held or growing:
                return
            self._count_at_rest = len(self._index)
            self._index = self._engine = None

    def engine(self) -> Engine | None:
        """What answers queries; None while the library has nothing of this model."""
        with self._lock:
            index = self.index()
            if index is None:
                return None
            if self._engine is None:
                self._engine = Engine(index, self.encoder.encode_texts)
            if words := self._everyday_words():
                if not self._read_only:
                    words.make_soon()
                self._engine.everyday = words.vectors
            return self._engine

    def learn_words(self, stopped: Callable[[], bool]) -> None:
        """Encode the everyday words that queries are judged beside, unless that was done."""
        if words := self._everyday_words():
            words.make(stopped)

    def _everyday_words(self) -> EverydayWords | None:
        with self._lock:
            row = self._find_row()
            if row is not None and self._words is None:
                self._words = EverydayWords(
                    words_file(self._paths.models, row[1]), encode=self.encoder.encode_texts,
                    keep=not self._read_only, closing=self._closing,
                )  # fmt: skip
            return self._words

    def reconcile(self) -> None:
        """After photos came into or went out of sight: the same in the index."""
        with self._lock:
            self._count_at_rest = None
            if self._row is not None and self._index is not None:
                self._bring_in_line(self._index, self._row[0])

    def _load(self, row: tuple[int, str, int]) -> VectorIndex:
        _, identity, dim = row
        try:
            return VectorIndex.load(self._file(identity), model=identity, dim=dim)
        except FileNotFoundError:
            pass
        except IndexDamaged as error:
            log.warning("index rebuilt from the catalog: %s", error)
        return VectorIndex(model=identity, dim=dim)

    def _bring_in_line(self, index: VectorIndex, model_id: int) -> None:
        # In this order: what is committed between the two looks is then added twice, never taken out.
        present = index.ids()
        wanted = self._catalog.embeddings.ids(model_id)
        index.remove(np.setdiff1d(present, wanted, assume_unique=True))
        missing = np.setdiff1d(wanted, present, assume_unique=True)
        put = index.add if len(missing) <= _ADDED_AT_ONCE else index.hold
        for ids, vectors in self._catalog.embeddings.vectors(model_id, missing):
            put(ids, vectors)

    def _grow_in_background(self, index: VectorIndex) -> None:
        """A graph that has to be made anew takes a while; until it is done, what it lacks is compared one by one."""
        if not index.held or self._read_only:
            return
        log.info("growing the graph for %d vectors", index.held)

        def grow() -> None:
            while not self._closing.is_set() and index.grow(_GROWN_AT_ONCE):
                self._closing.wait(_LEFT_FREE_SECONDS)
            self._measure_and_write(index)

        self._growing = threading.Thread(target=grow, name="photosearch-index", daemon=True)
        self._growing.start()

    def vector_of(self, photo_id: int) -> np.ndarray | None:
        """float32 [dim] of a photo in the library, None where it has none."""
        index = self.index()
        if index is None:
            return None
        _, rows = index.vectors(np.array([photo_id]))
        return rows[0] if len(rows) else None

    def save(self, *, now: bool = False) -> None:
        """Write the index file where it is behind. A disk that is full costs nothing but time at the next start."""
        if self._read_only:
            return
        with self._lock:
            index, row = self._index, self._row
            if index is None or row is None or not index.dirty:
                return
            due = time.monotonic() - self._saved_at > _SAVE_EVERY_SECONDS
            if not (now or due or len(index) <= _SAVE_AT_ONCE_UP_TO):
                return
        self._measure_and_write(index)

    def _measure_and_write(self, index: VectorIndex) -> None:
        self._measure(index)  # takes half a second, in which others may search
        with self._lock:
            try:
                index.save(self._file(index.model))
            except OSError as error:
                log.warning("the index file could not be written: %s", error)
            self._saved_at = time.monotonic()

    def _measure(self, index: VectorIndex) -> None:
        """Sample how well the graph finds; make it anew, once, where it does not."""
        if self._closing.is_set():
            return
        self._measured += 1
        recall = index.measure(seed=self._measured)
        if recall is None:
            return
        log.info("index: %s", recall)
        if recall.share < RECALL_FLOOR and not self._mended:
            log.warning("index is made anew, for it finds too little: %s", recall)
            self._mended = True  # should the vectors be such that no graph does better, it is not tried for ever
            index.start_over()
            self._grow_in_background(index)

    @property
    def recall(self) -> Recall | None:
        """How well the graph finds, as last measured; None where every search is exact."""
        index = self.index()
        return index.recall if index is not None else None

    @property
    def index_bytes(self) -> int:
        row = self._find_row()
        try:
            return self._file(row[1]).stat().st_size if row else 0
        except OSError:
            return 0

    def _file(self, identity: str) -> Path:
        return self._paths.indexes / f"{identity}.usearch"

    def close(self) -> None:
        self._closing.set()
        if self._growing:
            self._growing.join()
        if self._words:
            self._words.close()
        try:
            self.save(now=True)
        finally:
            self.encoder.close()
