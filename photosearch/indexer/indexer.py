"""One run of the indexer: look at the folders, read what is new, encode it, and say what was done.

The same run serves the first start, a rescan, a file event and the command line; only the places differ.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from photosearch.catalog import Catalog, ThumbnailStore, WorkItem
from photosearch.indexer.changes import TRANSIENT, Changes, record_changes
from photosearch.indexer.decode_pool import DecodePool
from photosearch.indexer.pace import Pace
from photosearch.indexer.pipeline import ImageEncoder, Pipeline, Tally
from photosearch.indexer.waiting import OnScreen
from photosearch.media.formats import PARTNER_EXTENSIONS, raw_stem
from photosearch.progress import CancelToken, Event, LibraryChanged, PauseSwitch, Phase, Progress
from photosearch.records import IndexReport
from photosearch.vectors import VectorIndex

log = logging.getLogger(__name__)

_TRIES_FOR_GROWING_FILES = 3


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """A model in use: its row in the catalog, its index, and what encodes with it."""

    id: int
    index: VectorIndex
    encoder: ImageEncoder


class News(Protocol):
    """What happened since a run began."""

    def waits(self) -> bool:
        """Whether there is some that is ready to be looked at."""

    def take(self) -> Mapping[int, frozenset[bytes]] | None:
        """Places to look at now (folder id → relative paths); None where everything is to be looked at anew."""


class ModelSource(Protocol):
    """What the indexer asks of the library about the model."""

    @property
    def known_id(self) -> int | None:
        """The model's row where the library has one already; looking does not start the encoder."""

    @property
    def name(self) -> str:
        """The model as the user named it."""

    def activate(self) -> ActiveModel:
        """Start the encoder where needed. Raises ModelUnavailable."""

    def reconcile(self) -> None:
        """Bring the index in line with the catalog after photos went out of sight."""


class Indexer:
    """Runs over folders. One run at a time; the caller sees to that."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        thumbnails: ThumbnailStore,
        models: ModelSource,
        pause: PauseSwitch,
        pace: Pace,
        on_screen: OnScreen,
        max_megapixels: int,
        pair_raw: bool,
    ) -> None:
        self._catalog = catalog
        self._thumbnails = thumbnails
        self._models = models
        self._pause = pause
        self._pace = pace
        self._on_screen = on_screen
        self._max_megapixels = max_megapixels
        self._pair_raw = pair_raw

    def run(
        self,
        *,
        places: Mapping[int, frozenset[bytes]] | None = None,
        news: News | None = None,
        on_event: Callable[[Event], None],
        cancel: CancelToken,
    ) -> IndexReport:
        """Bring the library up to date with ``places`` (folder id → relative paths), or with all its folders.

        news: what happens while the run goes on is looked at in between, so that a new photo does not wait for the end
        of a first run; a wish to look at everything ends the run, and what it did not reach stays pending.
        Raises Cancelled, ModelUnavailable and the LibraryError tree; what was committed before stays.
        """
        started = time.monotonic()
        on_event(Progress(Phase.SCANNING))
        changes = self._look(places, on_event, cancel)
        tally = Tally()
        device = ""
        known = self._models.known_id
        work = self._catalog.files.work(-1 if known is None else known)
        encoding_started = time.monotonic()
        if work:
            on_event(Progress(Phase.LOADING, found=changes.found, total=len(work)))
            with closing(DecodePool(min(self._pace.workers, len(work)), steps_back=2)) as pool:
                pool.start()  # and while its processes start, the model is loaded
                active = self._models.activate()
                active.encoder.start_soon()
                device = active.encoder.info.device
                if known != active.id:
                    work = self._catalog.files.work(active.id)
                encoding_started = time.monotonic()

                def look() -> list[WorkItem]:
                    nonlocal changes
                    marked = news.take() if news is not None else {}
                    if marked is None:
                        return []
                    if marked:
                        changes += self._look(marked, on_event, cancel)
                    return self._catalog.files.work(active.id)

                has_news = news.waits if news is not None else lambda: False
                read = partial(
                    self._read, active=active, pool=pool, on_event=on_event, cancel=cancel, has_news=has_news, look=look
                )
                tally = read(work)
                if self._pair():
                    # Raw files whose partner turned out to be unreadable are read by themselves.
                    tried = {item.file_id for item in work}
                    alone = [item for item in self._catalog.files.work(active.id) if item.file_id not in tried]
                    if alone:
                        tally += read(alone)
            self._models.reconcile()
        if (changes.any or places is None) and self._catalog.files.forget_found_elsewhere():
            on_event(LibraryChanged())
        if places is None:
            gone = self._catalog.photos.purge()
            if gone:
                self._thumbnails.remove(gone)
        seconds = time.monotonic() - started
        by_content = tally.moved + tally.copied
        report = IndexReport(
            found=changes.found,
            new=max(0, changes.new - by_content),
            changed=changes.changed,
            moved=changes.moved + tally.moved,
            copied=tally.copied,
            removed=max(0, changes.removed - tally.moved),
            encoded=tally.encoded,
            problems=tally.problems,
            seconds=round(seconds, 3),
            photos_per_second=round(tally.encoded / max(1e-6, time.monotonic() - encoding_started), 2),
            device=device,
            model=self._models.name,
        )
        log.info("index run: %s", report)
        return report

    def _look(
        self, places: Mapping[int, frozenset[bytes]] | None, on_event: Callable[[Event], None], cancel: CancelToken
    ) -> Changes:
        """Write down what changed on the disk; what is gone leaves the index."""
        changes = record_changes(self._catalog, places=places, cancel=cancel)
        if places is None:
            self._catalog.files.retry(TRANSIENT)
        paired = self._pair() if changes.any or self._catalog.pairs.stale(wanted=self._pair_raw) else 0
        if changes.removed or changes.changed or paired:
            self._models.reconcile()
        if changes.any or paired:
            on_event(LibraryChanged(removed=changes.removed))
        return changes

    def _pair(self) -> int:
        """Raw files and the pictures beside them; returns how many raw files gained or lost their partner."""
        return self._catalog.pairs.update(
            wanted=self._pair_raw, raw_stem=raw_stem, partner_extensions=PARTNER_EXTENSIONS
        )

    def _read(
        self,
        work: list[WorkItem],
        *,
        active: ActiveModel,
        pool: DecodePool,
        on_event: Callable[[Event], None],
        cancel: CancelToken,
        has_news: Callable[[], bool],
        look: Callable[[], list[WorkItem]],
    ) -> Tally:
        """Decode, encode and commit; files that changed meanwhile get further tries, for their writer may be done."""
        total = Tally()
        for _ in range(_TRIES_FOR_GROWING_FILES):
            pipeline = Pipeline(
                catalog=self._catalog,
                thumbnails=self._thumbnails,
                index=active.index,
                encoder=active.encoder,
                pool=pool,
                model_id=active.id,
                max_megapixels=self._max_megapixels,
                on_progress=on_event,
                on_added=lambda added: on_event(LibraryChanged(added=added)),
                cancel=cancel,
                pause=self._pause,
                pace=self._pace,
                on_screen=self._on_screen,
                has_news=has_news,
                look=look,
            )
            total += pipeline.run(work)
            if not pipeline.unsettled:
                break
            work = self._catalog.files.work(active.id)
        return total
