"""The window's view-model: the open library, the query and its answer, and what the indexer is doing.

It lives on the GUI thread, sends every call of the library to a worker and tells the outcome by signals, so it can be
tested without a window. Answers to an older query are dropped by job number; events of the engine are gathered and told
at most a dozen times a second, because a signal for each photo would freeze the window.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from photosearch.errors import PhotoSearchError, WorldError
from photosearch.paths import AppPaths
from photosearch.progress import Event, IndexerFailed, LibraryChanged, Notice, Phase, Progress
from photosearch.records import Photo, Query, Status
from photosearch.ui import interpreter
from photosearch.ui import listing as listings
from photosearch.ui.listing import Listing
from photosearch.ui.photo_book import PhotoBook
from photosearch.ui.worker import Workers

SEARCH_COUNT = 300
_TYPING_PAUSE_MS = 150
_EVENTS_MS = 80
_REFRESH_MS = 400
"""Least time between two looks at a library that changes; one that takes longer to read is read less often."""
SORRY = "Something went wrong in PhotoSearch. It goes on; the log says what happened."


class State(Enum):
    OPENING = auto()
    OPEN = auto()
    FAILED = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class QueryPicture:
    """A picture to search by: a file, encoded bytes, or a photo of the library; ``name`` is for people."""

    source: Path | bytes | int
    name: str


@dataclass(frozen=True, slots=True)
class _Snapshot:
    status: Status
    paused: bool
    listing: Listing | None
    seconds: float


def sentence_of(error: Exception) -> str:
    """What to tell the user of an error: its own sentence, or an apology for a fault of ours (which is in the log)."""
    return str(error) if isinstance(error, WorldError) else SORRY


class Session(QObject):
    """One library in one window. ``opener(paths, model=…)`` opens it (``Library.open``), ``repairer(paths)`` mends it.

    The library is not imported here, only what it promises is used: the engine loads while the window shows already.
    """

    state_changed = Signal()
    query_changed = Signal()
    searching_changed = Signal()
    listed = Signal()
    """``listing`` (or ``search_error``) is new."""
    status_changed = Signal()
    progressed = Signal()
    indexer_failed = Signal(object)
    folder_failed = Signal(str)
    noticed = Signal(str)
    """A sentence to show for a moment."""
    told = Signal(str)
    """A sentence that stays until it is read: of a folder that came or went, and the like."""
    closed = Signal()
    _events_wait = Signal()

    def __init__(
        self,
        opener: Callable[..., Any],
        paths: AppPaths,
        *,
        folders: Sequence[Path] = (),
        model: str | None = None,
        repairer: Callable[[AppPaths], Any] | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.workers = Workers(self)
        self.book = PhotoBook(self.workers.errands, self)
        self.state = State.OPENING
        self.error: Exception | None = None
        self.library: Any = None
        self.status: Status | None = None
        self.progress = Progress(Phase.IDLE)
        self.paused = False
        self.words = ""
        self.pictures: tuple[QueryPicture, ...] = ()
        self.listing = Listing()
        self._library_listing = Listing()
        """The library as last read, to come back to from a search at once."""
        self.searched = 0
        """Among how many photos the answer was found."""
        self.search_error: Exception | None = None
        self.searching = False
        self._opener, self.paths = opener, paths
        self.model = model
        """The one named at the start; it goes before that of the settings."""
        self._repairer = repairer
        self._folders_to_add = list(folders)
        self._job: int | None = None
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._events_told = False
        self._refreshing = self._refresh_again = False
        self._answered_before = False
        self._typing = self._timer(self._search)
        self._events_timer = self._timer(self._read_events)
        self._refresh_timer = self._timer(self._refresh)
        self._events_wait.connect(lambda: self._events_timer.start(_EVENTS_MS))

    def _timer(self, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(slot)
        return timer

    # Opening and closing

    def open(self) -> None:
        """Open the library in the background; ``state_changed`` follows. Also the way to try again.

        A library that is open is closed before: it is opened anew, with other settings.
        """
        interpreter.switch_often()
        before = self._let_go()
        self._set_state(State.OPENING)
        opener, paths, model = self._opener, self.paths, self.model

        def open_it() -> Any:
            if before is not None:
                before.close()
            return opener(paths, model=model)

        self.workers.lifetime.start(open_it, self._opened)

    @property
    def can_repair(self) -> bool:
        return self._repairer is not None

    def repair(self) -> None:
        """Mend a damaged catalog in the background, then open the library."""
        assert self._repairer is not None
        self._set_state(State.OPENING)
        repairer, opener, paths, model = self._repairer, self._opener, self.paths, self.model

        def mend() -> Any:
            repairer(paths)
            return opener(paths, model=model)

        self.workers.lifetime.start(mend, self._opened)

    def _opened(self, outcome: Any) -> None:
        if self.state is State.CLOSED:
            self._close_library(None if isinstance(outcome, Exception) else outcome)
            return
        if isinstance(outcome, Exception):
            self.error = outcome
            self._set_state(State.FAILED)
            return
        self.library = outcome
        self.book.use(outcome)
        folders, self._folders_to_add = self._folders_to_add, []
        for folder in folders:
            self.add_folder(folder)
        self._run(lambda library: library.watch(self._hear))
        self._set_state(State.OPEN)
        interpreter.spare_what_stays()
        self._warm_up(interpreter.spare_what_stays)
        self.refresh()
        self.search_now()

    def _warm_up(self, then: Callable[[], None] = lambda: None) -> None:
        """The next question finds the model ready; what keeps it from starting is told to whoever searches."""
        self.workers.errands.start(self.library.warm_up, lambda _outcome: then())

    def close(self) -> None:
        """Stop and close in the background; ``closed`` follows. Nothing that was indexed is lost."""
        if self.state is State.CLOSED:
            return
        was_opening = self.state is State.OPENING
        self._set_state(State.CLOSED)
        library = self._let_go()
        if not was_opening:
            self._close_library(library)

    @property
    def is_closed(self) -> bool:
        return self.state is State.CLOSED

    def _let_go(self) -> Any:
        """Nothing is asked of the library any more, and what was asked is not waited for; returns it, or None."""
        for timer in (self._typing, self._events_timer, self._refresh_timer):
            timer.stop()
        for worker in (self.workers.searches, self.workers.thumbnails, self.workers.previews, self.workers.errands):
            worker.drop_all()
        self._job, self._refreshing, self._events_told = None, False, False
        self._set_searching(False)
        self.progress = Progress(Phase.IDLE)
        self.book.use(None)
        library, self.library = self.library, None
        return library

    def _close_library(self, library: Any) -> None:
        if library is None:
            self.closed.emit()
            return
        self.workers.lifetime.start(library.close, lambda _outcome: self.closed.emit())

    def _set_state(self, state: State) -> None:
        self.state = state
        self.state_changed.emit()

    # The query

    @Slot()
    def note_activity(self) -> None:
        """The user works in the window: indexing steps back."""
        if self.library is not None:
            self.library.note_activity()

    @property
    def has_query(self) -> bool:
        return bool(self.words.strip() or self.pictures)

    def set_words(self, words: str) -> None:
        """The words as typed so far; the search starts when the typing rests."""
        if words == self.words:
            return
        if not self.words and self.library is not None:
            self._warm_up()  # while the rest is typed
        self.words = words
        self.query_changed.emit()
        if words.strip() or self.pictures:
            self._typing.start(_TYPING_PAUSE_MS)
        else:
            self.search_now()

    def set_query(self, *, words: str = "", pictures: Sequence[QueryPicture] = ()) -> None:
        """Replace the query and search at once."""
        self.words, self.pictures = words, tuple(pictures)
        self.query_changed.emit()
        self.search_now()

    def add_pictures(self, pictures: Sequence[QueryPicture]) -> None:
        """Search by these pictures too."""
        known = {picture.source for picture in self.pictures}
        added = [p for p in dict.fromkeys(pictures) if p.source not in known]
        if added:
            self.set_query(words=self.words, pictures=(*self.pictures, *added))

    def remove_picture(self, at: int) -> None:
        self.set_query(words=self.words, pictures=self.pictures[:at] + self.pictures[at + 1 :])

    def clear_query(self) -> None:
        self.set_query()

    @Slot()
    def search_now(self) -> None:
        """Search without waiting for the typing to rest."""
        self._typing.stop()
        self._search()

    def _search(self) -> None:
        if self._job is not None:
            self.workers.searches.drop(self._job)
            self._job = None
        library = self.library
        if library is None or self.state is not State.OPEN:
            return
        if not self.has_query:
            self._set_searching(False)
            self.search_error = None
            if self.listing is not self._library_listing:
                self.listing = self._library_listing
                self.listed.emit()
            self.refresh()
            return
        query = Query(words=self.words.strip(), pictures=tuple(picture.source for picture in self.pictures))
        self._set_searching(True)
        self._job = self.workers.searches.start(
            lambda: listings.of_search(library.search(query, count=SEARCH_COUNT)), self._answered
        )

    def _answered(self, outcome: Any) -> None:
        self._job = None
        if not self._answered_before:  # the model may have been loaded just now
            self._answered_before = True
            interpreter.spare_what_stays()
        self._set_searching(False)
        if isinstance(outcome, Exception):
            self.search_error, self.listing, self.searched = outcome, Listing(query=Query()), 0
        else:
            self.searched = outcome.searched
            same = (outcome.query, outcome.hits) == (self.listing.query, self.listing.hits)
            self.search_error, self.listing = None, self.listing if same else outcome
        self.listed.emit()

    def _set_searching(self, searching: bool) -> None:
        if searching != self.searching:
            self.searching = searching
            self.searching_changed.emit()

    # Folders and indexing

    def add_folder(self, path: Path) -> None:
        """Add a folder; where it cannot be, ``folder_failed`` says why."""
        if self.library is None:  # it is added when the library is open
            self._folders_to_add.append(path)
            return
        self._change_folders(lambda library: library.add_folder(path))

    def remove_folder(self, path: Path) -> None:
        self._change_folders(lambda library: library.remove_folder(path))

    def exclude(self, path: Path) -> None:
        self._change_folders(lambda library: library.exclude(path))

    def include(self, path: Path) -> None:
        self._change_folders(lambda library: library.include(path))

    def forget_away(self, path: Path) -> None:
        """The missing files of a folder are really gone."""
        self._change_folders(lambda library: library.forget_away(path))

    def _change_folders(self, change: Callable) -> None:
        def changed(outcome: object) -> None:
            if isinstance(outcome, Exception):
                self.folder_failed.emit(sentence_of(outcome))
            self.refresh()

        self._run(change, changed)

    @Slot()
    def rescan(self) -> None:
        self._run(lambda library: library.rescan())
        self.noticed.emit("Looking for new and changed photos…")

    @Slot()
    def toggle_pause(self) -> None:
        """Pause the indexing, or let it go on."""
        self.paused = not self.paused
        self.progressed.emit()
        pause = self.paused
        self._run(lambda library: library.pause() if pause else library.resume())

    def load_problems(self, then: Callable[[Any], None]) -> None:
        """``then`` gets the list of Problems, or the error."""
        self._run(lambda library: library.problems(), then)

    def retry_problems(self) -> None:
        self._run(lambda library: library.retry_problems(), lambda _outcome: self.refresh())

    def remember_tile_px(self, tile_px: int) -> None:
        """Keep the size of the tiles for the next start."""
        self._run(lambda library: library.settings.set("tile_px", tile_px))

    def load_tile_px(self, then: Callable[[object], None]) -> None:
        self._run(lambda library: library.settings["tile_px"], then)

    def fetch_photos(self, photo_ids: Sequence[int], then: Callable[[list[Photo]], None]) -> None:
        self.book.fetch(photo_ids, then)

    def load_preview(
        self, photo_id: int, *, max_px: int, make: Callable[[bytes], object], then: Callable, priority: int = 0
    ) -> int:
        """``then`` gets what ``make`` made of the JPEG on the worker's thread, or the error; returns the job number."""
        library = self.library
        return self.workers.previews.start(
            lambda: make(library.preview(photo_id, max_px=max_px)), then, priority=priority
        )

    def _run(self, work: Callable, then: Callable[[object], None] | None = None) -> None:
        """Call the library on an errand's thread."""
        library = self.library
        if library is None:
            return

        def finished(outcome: object) -> None:
            if then is not None:
                then(outcome)
            elif isinstance(outcome, Exception):
                self.noticed.emit(sentence_of(outcome))

        self.workers.errands.start(lambda: work(library), finished)

    # What the engine tells

    def _hear(self, event: Event) -> None:
        """Called from the engine's threads."""
        self._events.put(event)
        if not self._events_told:
            self._events_told = True
            try:
                self._events_wait.emit()
            except RuntimeError:  # the window is gone already
                pass

    def _read_events(self) -> None:
        self._events_told = False
        progress, changed = None, False
        while True:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                break
            if isinstance(event, Progress):
                progress = event
            elif isinstance(event, LibraryChanged):
                changed = True
            elif isinstance(event, IndexerFailed):
                self.indexer_failed.emit(event)
            elif isinstance(event, Notice):
                self.told.emit(event.sentence)
        if progress is not None:
            was_busy = self.busy
            self.progress = progress
            self.paused = self.paused or progress.phase is Phase.PAUSED
            changed = changed or (was_busy and not self.busy)
            self.progressed.emit()
        if changed:
            self.book.forget()
            self.refresh()

    @property
    def busy(self) -> bool:
        """The indexer has work."""
        return self.progress.phase is not Phase.IDLE

    @Slot()
    def refresh(self) -> None:
        """Read the library again soon: its counts, and what is shown of it."""
        if self._refreshing:
            self._refresh_again = True
        elif not self._refresh_timer.isActive():
            self._refresh_timer.start(0)

    def _refresh(self) -> None:
        library = self.library
        if library is None or self.state is not State.OPEN:
            return
        self._refreshing, self._refresh_again = True, False
        with_timeline, before = not self.has_query, self._library_listing

        def read() -> _Snapshot:
            started = time.perf_counter()
            listing = None
            if with_timeline:
                tiles = library.timeline()
                listing = before if tiles == before.tiles else listings.of_library(tiles)
            return _Snapshot(library.status(), library.paused, listing, time.perf_counter() - started)

        self.workers.errands.start(read, self._refreshed)

    def _refreshed(self, outcome: object) -> None:
        self._refreshing = False
        wait_ms = _REFRESH_MS
        if isinstance(outcome, PhotoSearchError):
            self.noticed.emit(sentence_of(outcome))
        elif isinstance(outcome, _Snapshot):
            wait_ms = max(_REFRESH_MS, round(outcome.seconds * 4000))
            photos_before = self.status.searchable if self.status else 0
            self.status, self.paused = outcome.status, outcome.paused
            self.status_changed.emit()
            if self.has_query:
                if photos_before != outcome.status.searchable and not self.searching:
                    self._search()  # photos came or went: the answer may be another now
            elif outcome.listing is not None:
                self.listing = self._library_listing = outcome.listing
                self.listed.emit()
            elif not self.searching:
                self._refresh_again = True
        if self._refresh_again and self.state is State.OPEN:
            self._refresh_again = False
            self._refresh_timer.start(wait_ms)
