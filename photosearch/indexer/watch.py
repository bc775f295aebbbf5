"""File events as hints: which places of which folders want another look.

An event never says what happened, only where to look: events are merged, reordered and lost. So nothing is ever
concluded from an event itself.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from photosearch.errors import display_path
from photosearch.indexer.changes import root_identity
from photosearch.indexer.inotify import InotifyTrees
from photosearch.indexer.volumes import VolumeKind, volume_of
from photosearch.indexer.watchdog_trees import WatchdogTrees
from photosearch.records import Folder

log = logging.getLogger(__name__)

QUIET_SECONDS = 0.7
"""How long a folder must be still before it is looked at."""
LONGEST_WAIT_SECONDS = 4.0
"""It is looked at after so long, still or not."""
_WHOLE_FOLDER_AT = 500
"""So many places at once, and the whole folder is looked at instead."""
_TRY_AGAIN_SECONDS = 600.0
"""Trying to listen to a tree that is too large takes all watches of the system for a moment."""


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


class Trees(Protocol):
    """What listens: ``InotifyTrees`` or ``WatchdogTrees``."""

    def follow(self, tree_id: int, root: bytes, *, excludes: frozenset[bytes]) -> None: ...

    def unfollow(self, tree_id: int) -> None: ...

    def close(self) -> None: ...


def trees_of_this_system(**callbacks: Any) -> Trees:
    """Raises OSError where the system has no listener left to give."""
    return InotifyTrees(**callbacks) if sys.platform == "linux" else WatchdogTrees(**callbacks)


@dataclass(slots=True)
class _Watched:
    folder: Folder
    identity: tuple[int, int]


class FolderWatcher:
    """Listens to the folders that are here and marks what changed. Calls come from threads of its own as well.

    notice: told a sentence when a folder can no longer be listened to, or events were lost.
    """

    def __init__(
        self,
        dirty: DirtyPlaces,
        *,
        notice: Callable[[str], None] = lambda sentence: None,
        make_trees: Callable[..., Trees] = trees_of_this_system,
        try_again_seconds: float = _TRY_AGAIN_SECONDS,
    ) -> None:
        self._dirty = dirty
        self._notice = notice
        self._make_trees = make_trees
        self._try_again_seconds = try_again_seconds
        self._try_again: dict[int, float] = {}
        self._trees: Trees | None = None
        self._watched: dict[int, _Watched] = {}
        self._folders: dict[int, Folder] = {}
        self.unwatched: dict[int, str] = {}
        """Folders that are here and not listened to, and why; they must be looked through now and then."""
        self.roots_changed = threading.Event()
        """A root went away, or the system's watches ran out: ``follow`` should be called."""
        self._short: dict[int, OSError] = {}

    def follow(self, folders: list[Folder]) -> None:
        """Listen to these folders and no others. A root that came, went or was replaced is marked for a look.

        Called now and then: a watch on a root that was deleted and made again stays silent for ever.
        """
        self.roots_changed.clear()
        self._folders = wanted = {f.id: f for f in folders}
        for folder_id, error in list(self._short.items()):
            del self._short[folder_id]
            if folder_id in self._watched:
                self._forget(folder_id)
                self._poll(self._folders.get(folder_id), error.strerror or str(error))
        for folder_id in list(self._watched):
            entry = self._watched[folder_id]
            folder = wanted.get(folder_id)
            if folder is not None and folder.path == entry.folder.path:
                same_root = root_identity(folder.path) == entry.identity
                if same_root and folder.excludes == entry.folder.excludes:
                    continue
                self._dirty.mark(folder_id, b"")
            self._forget(folder_id)
        for folder in folders:
            if folder.id not in self._watched:
                self._listen(folder)
        for folder_id in set(self.unwatched) - set(wanted):
            del self.unwatched[folder_id]
            self._try_again.pop(folder_id, None)

    def _listen(self, folder: Folder) -> None:
        identity = root_identity(folder.path)
        if identity is None or time.monotonic() < self._try_again.get(folder.id, 0.0):
            return
        kind = volume_of(folder.path, identity[0]).kind
        if kind is not VolumeKind.LOCAL:
            self.unwatched[folder.id] = f"it is on a {kind} drive"
            return
        try:
            if self._trees is None:
                self._trees = self._make_trees(
                    mark=self._dirty.mark, lost=self._everything, root_gone=self._root_gone, exhausted=self._exhausted
                )
            excludes = frozenset(os.fsencode(e) for e in folder.excludes)
            self._trees.follow(folder.id, os.fsencode(folder.path), excludes=excludes)
        except PermissionError:
            return  # the look at the folder says so; it is tried again with the next look at the roots
        except OSError as error:
            self._poll(folder, error.strerror or str(error))
            return
        self.unwatched.pop(folder.id, None)
        self._try_again.pop(folder.id, None)
        self._watched[folder.id] = _Watched(folder, identity)
        self._dirty.mark(folder.id, b"")

    def _poll(self, folder: Folder | None, reason: str) -> None:
        if folder is None:
            return
        if folder.id not in self.unwatched:
            log.warning("cannot watch %s: %s", display_path(folder.path), reason)
            self._dirty.mark(folder.id, b"")
            self._notice(
                f"Changes in {display_path(folder.path)} cannot be listened to: {reason}."
                " It is looked through every few minutes instead."
            )
        self.unwatched[folder.id] = reason
        self._try_again[folder.id] = time.monotonic() + self._try_again_seconds

    def _forget(self, folder_id: int) -> None:
        del self._watched[folder_id]
        if self._trees is not None:
            self._trees.unfollow(folder_id)

    def _everything(self) -> None:
        self._notice("So much changed at once that the system lost track; all folders are looked through again.")
        for folder_id in list(self._watched):
            self._dirty.mark(folder_id, b"")

    def _root_gone(self, folder_id: int) -> None:
        self.roots_changed.set()
        self._dirty.mark(folder_id, b"")

    def _exhausted(self, folder_id: int, error: OSError) -> None:
        self._short[folder_id] = error
        self.roots_changed.set()
        self._dirty.mark(folder_id, b"")

    def close(self) -> None:
        if self._trees is not None:
            self._trees.close()
