"""``Library`` opens everything for one data folder and offers the few verbs that the window and the command line share.

It knows nothing of Qt. Its methods block, may be called from any thread, and raise the tree of ``errors``.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from photosearch.catalog import Catalog, ThumbnailStore
from photosearch.cores import available_cores
from photosearch.errors import (
    FolderUnknown,
    LibraryError,
    PhotoError,
    ProblemCode,
)
from photosearch.indexer.background import BackgroundIndexer
from photosearch.indexer.decode_pool import DecodePool
from photosearch.indexer.decode_worker import read_pixels, read_preview, read_thumbnail
from photosearch.indexer.indexer import Indexer, News
from photosearch.indexer.pace import Pace, encoder_threads
from photosearch.indexer.scan import leaves_out
from photosearch.indexer.volumes import volume_of
from photosearch.indexer.waiting import OnScreen
from photosearch.library.finder import Finder, spec_of_model_before
from photosearch.library.lock import LibraryLock
from photosearch.library.model_in_use import AnyEncoder, ModelInUse
from photosearch.library.roots import absolute, nearest, refuse_overlap, rel_of, usable_folder
from photosearch.memory import give_back
from photosearch.model import Encoder, ModelSpec, Preprocess, resolve
from photosearch.paths import AppPaths
from photosearch.progress import CancelToken, Event, PauseSwitch
from photosearch.records import (
    FileState,
    Folder,
    IndexReport,
    Photo,
    Problem,
    Query,
    SearchResult,
    Status,
    Timeline,
    Watching,
)
from photosearch.settings import Settings
from photosearch.vectors import Recall

log = logging.getLogger(__name__)

DEFAULT_COUNT = 200
REST_SECONDS = 300.0
"""So long after the last search, key or run the memory is given back; the model is as well."""
_VIEWERS = 1
"""Worker processes for previews and query pictures, apart from the indexer's so that nobody waits behind it."""


class Library:
    """One library. Make it with ``open``; ``close`` it."""

    def __init__(
        self, paths: AppPaths, settings: Settings, *, catalog: Catalog, model: ModelInUse, before: ModelInUse | None,
        lock: LibraryLock | None,
    ) -> None:  # fmt: skip
        self.paths = paths
        self.settings = settings
        self._catalog = catalog
        self._model = model
        self._models = [one for one in (model, before) if one is not None]
        self._finder = Finder(catalog, model, before, read=self._read)
        self._lock = lock
        read_only = lock is None
        self._thumbnails = ThumbnailStore(paths.thumbnails, read_only=read_only)
        self._viewers = DecodePool(_VIEWERS)
        self._pause = PauseSwitch(paused=bool(settings["paused"]) and not read_only)
        self._pace = self._make_pace()
        self._on_screen = OnScreen()
        self._background: BackgroundIndexer | None = None
        self._used_at, self._rested = time.monotonic(), False
        self._running = threading.Lock()  # one index run at a time
        self._closed = False

    @classmethod
    def open(
        cls,
        paths: AppPaths,
        *,
        model: str | None = None,
        read_only: bool = False,
        make_encoder: Callable[..., AnyEncoder] | None = None,
    ) -> Library:
        """Open the library in ``paths``; an empty one is made where there is none.

        model: as in the settings table; it answers alone. None takes the user's choice, and for photos that it has not
        seen yet the model used before answers. read_only: for looking only; works beside another process that writes.
        make_encoder: called with the ModelSpec, ``device=``, and ``threads=`` where cores are limited, instead of
        ``Encoder``. Raises the LibraryError tree and ModelUnavailable.
        """
        settings = Settings(paths.settings)
        spec = resolve(str(model or settings["model"]), cache=paths.models)
        lock = None if read_only and paths.catalog.exists() else LibraryLock(paths)
        try:
            catalog = Catalog(paths.catalog, backups=paths.backups, read_only=lock is None)
            try:
                cores = int(settings["cores"])
                limits = {"threads": encoder_threads(cores)} if 0 < cores < available_cores() else {}
                make = make_encoder or partial(Encoder, exports=paths.models)

                def use(spec: ModelSpec) -> ModelInUse:
                    encoder = make(spec, device=str(settings["device"]), **limits)
                    return ModelInUse(spec, encoder=encoder, catalog=catalog, paths=paths, read_only=lock is None)

                in_use = use(spec)
                other = None if model else spec_of_model_before(catalog, in_use, digests=paths.models)
                before = use(other) if other else None
                return cls(paths, settings, catalog=catalog, model=in_use, before=before, lock=lock)
            except BaseException:
                catalog.close()
                raise
        except BaseException:
            if lock:
                lock.release()
            raise

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop working, keep what was done, end the child processes. Idempotent; takes about a second at most."""
        if self._closed:
            return
        self._closed = True
        with ExitStack() as last_to_first:  # whatever one of them raises, the others are closed
            if self._lock:
                last_to_first.callback(self._lock.release)
            last_to_first.callback(self._catalog.close)
            last_to_first.callback(self._thumbnails.close)
            for model in self._models:
                last_to_first.callback(model.close)
            last_to_first.callback(self._viewers.close)
            if self._background:
                last_to_first.callback(self._background.close)
                # A model that is still loading would hold the thread up for seconds: take it away first.
                last_to_first.callback(self._model.encoder.close)
                last_to_first.callback(self._background.stop)

    # Folders

    def folders(self) -> list[Folder]:
        """The folders, in the order of their paths. One that turned out too large to be listened to is known as such
        only where this process watches."""
        unheard = self._background.unheard if self._background else frozenset()
        return [
            replace(f, watching=Watching.POLLING) if f.id in unheard or volume_of(f.path, f.device).polled else f
            for f in self._catalog.folders.all()
        ]

    def add_folder(self, path: Path) -> Folder:
        """Make a folder part of the library. One that lies in another is found there; an excluded one is let in again.

        One that the other never looks into (it is hidden, or below an excluded folder) becomes a folder of its own.
        Raises FolderMissing, NotAFolder, FolderUnreadable, FolderOverlap.
        """
        root = usable_folder(path)
        folders = self.folders()
        refuse_overlap(root, folders)
        around = nearest(root, folders)
        if around is not None and around.path != root:
            rel = rel_of(root, around.path)
            if leaves_out(rel, [os.fsencode(e) for e in around.excludes if os.fsencode(e) != rel]):
                around = None
            else:
                self._catalog.folders.include(around.id, rel)
        if around is None:
            self._catalog.folders.add(root)
        self._look_again()
        added = nearest(root, self.folders())
        assert added is not None
        return added

    def remove_folder(self, path: Path) -> None:
        """Take a folder out of the library; the photos on disk are not touched. Raises FolderUnknown."""
        self._catalog.folders.remove(self._folder_of(path, itself=True).id)
        self._reconcile()
        self._look_again()

    def exclude(self, path: Path) -> None:
        """Leave a folder inside a library folder out. Raises FolderUnknown."""
        folder = self._folder_of(path)
        self._catalog.folders.exclude(folder.id, rel_of(absolute(path), folder.path))
        self._reconcile()
        self._look_again()

    def include(self, path: Path) -> None:
        """Let an excluded folder in again. Raises FolderUnknown, FolderOverlap."""
        folder = self._folder_of(path)
        refuse_overlap(absolute(path), self.folders())
        self._catalog.folders.include(folder.id, rel_of(absolute(path), folder.path))
        self._look_again()

    def forget_away(self, path: Path) -> int:
        """The files of this folder that are shown as away are really gone: forget them. Returns how many."""
        folder = self._folder_of(path, itself=True)
        away = [r.id for r in self._catalog.files.snapshot(folder.id).values() if r.state is FileState.AWAY]
        self._catalog.files.remove(away)
        self._reconcile()
        return len(away)

    def _reconcile(self) -> None:
        for model in self._models:
            model.reconcile()

    def _folder_of(self, path: Path, *, itself: bool = False) -> Folder:
        place = absolute(path)
        folder = nearest(place, self.folders())
        if folder is None or (folder.path == place) is not itself:
            raise FolderUnknown(place)
        return folder

    # Indexing

    def index(
        self, *, on_event: Callable[[Event], None] = lambda event: None, cancel: CancelToken | None = None
    ) -> IndexReport:
        """Bring the library up to date with its folders, now, in this thread, paused or not. Raises Cancelled."""
        pace = self._make_pace(in_background=False)
        return self._run(on_event=on_event, cancel=cancel or CancelToken(), pause=PauseSwitch(), pace=pace)

    def watch(self, on_event: Callable[[Event], None]) -> None:
        """Index and watch from now on, in threads of our own. ``on_event`` is called from those."""
        assert self._background is None, "watch() was called before"
        known = [folder.path for folder in self.folders()]
        self._background = BackgroundIndexer(
            partial(self._run, pause=self._pause, pace=self._pace),
            folders=self.folders,
            on_event=on_event,
            pause=self._pause,
            at_rest=self._rest_when_idle,
        )
        if [folder.path for folder in self.folders()] != known:
            self._look_again()  # one was added when there was nobody yet to tell of it

    def _run(
        self,
        *,
        places: Mapping[int, frozenset[bytes]] | None = None,
        news: News | None = None,
        on_event: Callable[[Event], None],
        cancel: CancelToken,
        pause: PauseSwitch,
        pace: Pace,
    ) -> IndexReport:
        with self._running:
            self._used_at, self._rested = time.monotonic(), False
            indexer = Indexer(
                catalog=self._catalog,
                thumbnails=self._thumbnails,
                models=self._model,
                pause=pause,
                pace=pace,
                on_screen=self._on_screen,
                max_megapixels=int(self.settings["max_megapixels"]),
                pair_raw=bool(self.settings["pair_raw_with_jpeg"]),
            )
            report = indexer.run(places=places, news=news, on_event=on_event, cancel=cancel)
            self._model.index()  # a run that changed nothing still mends an index file that is lost or damaged
            self._model.save()
            self._model.learn_words(lambda: cancel.cancelled)
            for before in self._models[1:]:
                before.reconcile()
            self._catalog.back_up_daily()
        give_back()  # a look at 100,000 files leaves tens of megabytes behind
        return report

    def _make_pace(self, *, in_background: bool = True) -> Pace:
        on_battery: Any = self.settings["on_battery"]
        return Pace(cores=int(self.settings["cores"]), on_battery=on_battery, in_background=in_background)

    def note_activity(self) -> None:
        """Somebody works in the window: indexing steps back for some seconds. Returns at once."""
        self._pace.note_activity()
        self._used_at, self._rested = time.monotonic(), False

    def prefer(self, photo_ids: Sequence[int]) -> None:
        """These photos are on screen: where they wait for the indexer, they come first. Returns at once."""
        self._on_screen.show(photo_ids)

    def rest(self) -> None:
        """Let go of memory that holds what can be read again; it is when it is needed. Also done after a quiet time."""
        if not self._running.acquire(blocking=False):
            return
        try:
            for model in self._models:
                model.rest()
            self._catalog.database.rest()
            self._thumbnails.rest()
        finally:
            self._running.release()
        give_back()

    def _rest_when_idle(self) -> None:
        if not self._rested and time.monotonic() - self._used_at > REST_SECONDS:
            self._rested = True
            self.rest()

    def _look_again(self) -> None:
        if self._background:
            self._background.rescan()

    def rescan(self) -> None:
        """Look at every folder again, soon."""
        self._look_again()

    @property
    def paused(self) -> bool:
        return self._pause.paused

    def pause(self) -> None:
        """Hold indexing back, also after the next start."""
        self._pause.pause()
        self.settings.set("paused", True)

    def resume(self) -> None:
        self._pause.resume()
        self.settings.set("paused", False)

    def problems(self) -> list[Problem]:
        return self._catalog.files.problems()

    def retry_problems(self) -> None:
        """Read the files again that could not be used."""
        self._catalog.files.retry(tuple(ProblemCode))
        self._look_again()

    # Searching and looking

    def search(self, query: Query, *, count: int = DEFAULT_COUNT) -> SearchResult:
        """The photos that fit words, pictures or both, best first.

        Raises QueryError, PhotoError (a picture of the query cannot be used), ModelUnavailable.
        """
        self.note_activity()
        return self._finder.search(query, count=count)

    def warm_up(self) -> None:
        """Load the model ahead of the first question, which then need not wait for it. Raises ModelUnavailable."""
        self._finder.warm_up()

    def _read(self, picture: Path | bytes, preprocess: Preprocess) -> np.ndarray:
        return self._viewers.run(read_pixels, picture, preprocess, int(self.settings["max_megapixels"]))

    def timeline(self) -> Timeline:
        """Every photo, newest first."""
        return self._catalog.photos.timeline()

    def photo(self, photo_id: int) -> Photo:
        """Raises KeyError for a photo that is not in the library (any more)."""
        return self._catalog.photos.get([photo_id])[photo_id]

    def thumbnail(self, photo_id: int) -> bytes | None:
        """A JPEG of at most 512 pixels; made again where the cache lost it.

        None where the photo cannot be read now or is not in the library any more.
        """
        jpeg = self._thumbnails.get(photo_id)
        if jpeg is None:
            try:
                places = list(self._readable_places(photo_id))
            except KeyError:
                return None
            for path in places:
                try:
                    jpeg = self._viewers.run(read_thumbnail, path, int(self.settings["max_megapixels"]))
                except PhotoError as error:
                    log.info("no thumbnail: %s", error)
                    continue
                try:
                    self._thumbnails.put([(photo_id, jpeg)])
                except LibraryError as error:
                    log.warning("thumbnail not kept: %s", error)
                break
        return jpeg

    def preview(self, photo_id: int, *, max_px: int) -> bytes:
        """The photo as an upright JPEG with a long side of at most ``max_px``. Raises PhotoError, KeyError."""
        fault: PhotoError | None = None
        for path in self._readable_places(photo_id):
            try:
                return self._viewers.run(read_preview, path, max_px, int(self.settings["max_megapixels"]))
            except PhotoError as error:
                fault = error
        raise fault or PhotoError(ProblemCode.NOT_A_FILE, "The drive that holds this photo is not connected.")

    def _readable_places(self, photo_id: int) -> Iterable[Path]:
        return (p.path for p in self.photo(photo_id).places if p.state is not FileState.AWAY)

    def status(self) -> Status:
        counts = self._catalog.files.counts(self._model.known_id)
        return Status(
            folders=tuple(self.folders()),
            files=counts.files,
            photos=counts.photos,
            searchable=counts.searchable,
            pending=counts.pending,
            problems=counts.problems,
            away=counts.away,
            model=self._model.name,
            index_count=self._model.index_count,
            index_bytes=self._model.index_bytes,
            data_dir=self.paths.data,
            account=counts.account,
        )

    def index_recall(self) -> Recall | None:
        """How well the index finds, sampled when it was last written; None where every search is exact."""
        return self._model.recall

    def models(self) -> list[tuple[str, str, int, int, bool]]:
        """(name, identity, dimensions, photos encoded, in use) of every model this library has vectors of."""
        used = self._model.known_id
        return [
            (row.name, row.identity, row.dim, count, row.id == used) for row, count in self._catalog.embeddings.models()
        ]
