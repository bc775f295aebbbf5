"""File events as hints: which places of which folders want another look.

An event never says what happened, only where to look: events are merged, reordered and lost (an overflow of the
kernel's queue loses them without an event, and only watchdog's log tells). So nothing is ever concluded from an event
itself.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import warnings
from dataclasses import dataclass

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

from photosearch.errors import display_path
from photosearch.indexer.changes import root_identity
from photosearch.media.formats import is_picture_name
from photosearch.records import Folder

log = logging.getLogger(__name__)

QUIET_SECONDS = 0.7
"""How long a folder must be still before it is looked at."""
LONGEST_WAIT_SECONDS = 4.0
"""It is looked at after so long, still or not."""
_WHOLE_FOLDER_AT = 500
"""So many places at once, and the whole folder is looked at instead."""
_LOOKING = frozenset(("opened", "closed_no_write"))
"""Events of our own reading."""


class DirtyPlaces:
    """The places that want a look, by folder id. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[int, set[bytes]] = {}
        self._first = self._last = 0.0
        self.wake = threading.Event()

    def mark(self, folder_id: int, place: bytes) -> None:
        with self._lock:
            now = time.monotonic()
            if not self._places:
                self._first = now
            self._last = now
            places = self._places.setdefault(folder_id, set())
            if place == b"" or len(places) >= _WHOLE_FOLDER_AT:
                places.clear()
                places.add(b"")
            elif b"" not in places:
                places.add(place)
        self.wake.set()

    def take(self) -> dict[int, frozenset[bytes]]:
        """The places that have been still long enough; {} while none are."""
        with self._lock:
            now = time.monotonic()
            if not self._places or (now - self._last < QUIET_SECONDS and now - self._first < LONGEST_WAIT_SECONDS):
                return {}
            taken = {folder: frozenset(places) for folder, places in self._places.items()}
            self._places.clear()
            return taken

    def discard(self) -> None:
        """Forget the marks: everything is about to be looked at."""
        with self._lock:
            self._places.clear()

    def seconds_to_wait(self) -> float | None:
        """How long until ``take`` gives something; None while nothing is marked."""
        with self._lock:
            if not self._places:
                return None
            now = time.monotonic()
            return max(0.0, min(self._last + QUIET_SECONDS, self._first + LONGEST_WAIT_SECONDS) - now)


@dataclass(slots=True)
class _Watched:
    folder: Folder
    identity: tuple[int, int]
    watch: ObservedWatch


class FolderWatcher:
    """Listens to the folders that are here and marks what changed. Lives on watchdog's threads."""

    def __init__(self, dirty: DirtyPlaces) -> None:
        # Said on the terminal for every folder that is renamed, and harmless: the new path takes the old one's place.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning, "watchdog")
        self._dirty = dirty
        self._observer = Observer()
        self._observer.daemon = True
        self._watched: dict[int, _Watched] = {}
        self.unwatched: dict[int, str] = {}
        """Folders that cannot be listened to, and why; they must be looked through now and then."""
        self._overflow = _OverflowListener(self._everything)
        logging.getLogger("watchdog").addHandler(self._overflow)
        self._observer.start()

    def follow(self, folders: list[Folder]) -> None:
        """Listen to these folders and no others. A root that came, went or was replaced is marked for a look.

        Called now and then: a watch on a root that was deleted and made again stays silent for ever.
        """
        wanted = {f.id: f for f in folders}
        for folder_id in list(self._watched):
            entry = self._watched[folder_id]
            same = folder_id in wanted and wanted[folder_id].path == entry.folder.path
            if same and root_identity(entry.folder.path) == entry.identity:
                continue
            try:
                self._observer.unschedule(entry.watch)
            except (KeyError, OSError):
                pass  # its thread ended with the folder
            del self._watched[folder_id]
            if same:
                self._dirty.mark(folder_id, b"")
        for folder in folders:
            if folder.id not in self._watched:
                self._listen(folder)
        for folder_id in set(self.unwatched) - set(wanted):
            del self.unwatched[folder_id]

    def _listen(self, folder: Folder) -> None:
        identity = root_identity(folder.path)
        if identity is None:
            return
        try:
            watch = self._observer.schedule(_Handler(self._dirty, folder), os.fspath(folder.path), recursive=True)
        except OSError as error:
            if folder.id not in self.unwatched:
                log.warning("cannot watch %s: %s", display_path(folder.path), error)
            self.unwatched[folder.id] = error.strerror or str(error)
            return
        self.unwatched.pop(folder.id, None)
        self._watched[folder.id] = _Watched(folder, identity, watch)
        self._dirty.mark(folder.id, b"")

    def _everything(self) -> None:
        for folder_id in list(self._watched):
            self._dirty.mark(folder_id, b"")

    def close(self) -> None:
        logging.getLogger("watchdog").removeHandler(self._overflow)
        self._observer.stop()
        self._observer.join(timeout=2)


class _Handler(FileSystemEventHandler):
    def __init__(self, dirty: DirtyPlaces, folder: Folder) -> None:
        self._dirty = dirty
        self._folder = folder
        self._root = os.fsencode(folder.path)

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in _LOOKING or (event.is_directory and event.event_type == "modified"):
            return
        for path in (event.src_path, event.dest_path):
            if path:
                self._mark(os.fsencode(path), is_folder=event.is_directory)

    def _mark(self, path: bytes, *, is_folder: bool) -> None:
        if path == self._root:
            self._dirty.mark(self._folder.id, b"")
            return
        prefix = self._root.rstrip(os.fsencode(os.sep)) + os.fsencode(os.sep)
        if not path.startswith(prefix):
            return
        rel = path[len(prefix) :]
        if os.sep != "/":
            rel = rel.replace(os.fsencode(os.sep), b"/")
        if is_folder or is_picture_name(rel.rsplit(b"/", 1)[-1]):
            self._dirty.mark(self._folder.id, rel)


class _OverflowListener(logging.Handler):
    """watchdog tells of lost events in its log only."""

    def __init__(self, lost) -> None:
        super().__init__(logging.WARNING)
        self._lost = lost

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            log.warning("file events were lost; looking through all folders")
            self._lost()
