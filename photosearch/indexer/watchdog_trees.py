"""Folder trees listened to through watchdog: the systems of macOS and Windows, which watch a whole tree or nothing.

Neither can leave out a part of the tree; what comes from an excluded or hidden folder is dropped before it costs a
look. An overflow loses events without an event, and only watchdog's log tells.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

from photosearch.indexer.scan import leaves_out
from photosearch.media.formats import is_picture_name

log = logging.getLogger(__name__)

_LOOKING = frozenset(("opened", "closed_no_write"))
"""Events of our own reading."""


class WatchdogTrees:
    """Like ``InotifyTrees``, but for systems that watch a tree as a whole."""

    def __init__(
        self,
        *,
        mark: Callable[[int, bytes], None],
        lost: Callable[[], None],
        root_gone: Callable[[int], None],
        exhausted: Callable[[int, OSError], None],
    ) -> None:
        del root_gone, exhausted  # not told here: the look at the roots finds the one, ``follow`` raises the other
        # Said on the terminal for every folder that is renamed, and harmless: the new path takes the old one's place.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning, "watchdog")
        self._mark = mark
        self._observer = Observer()
        self._observer.daemon = True
        self._watches: dict[int, ObservedWatch] = {}
        self._overflow = _OverflowListener(lost)
        logging.getLogger("watchdog").addHandler(self._overflow)
        self._observer.start()

    def follow(self, tree_id: int, root: bytes, *, excludes: frozenset[bytes]) -> None:
        """Listen to a tree from now on. Raises OSError where that cannot be."""
        self.unfollow(tree_id)
        handler = _Handler(self._mark, tree_id, root, excludes)
        self._watches[tree_id] = self._observer.schedule(handler, os.fsdecode(root), recursive=True)

    def unfollow(self, tree_id: int) -> None:
        watch = self._watches.pop(tree_id, None)
        if watch is not None:
            try:
                self._observer.unschedule(watch)
            except (KeyError, OSError):
                pass  # its thread ended with the folder

    def close(self) -> None:
        logging.getLogger("watchdog").removeHandler(self._overflow)
        self._observer.stop()
        self._observer.join(timeout=2)


class _Handler(FileSystemEventHandler):
    def __init__(
        self, mark: Callable[[int, bytes], None], tree_id: int, root: bytes, excludes: frozenset[bytes]
    ) -> None:
        self._mark = mark
        self._tree_id = tree_id
        self._root = root
        self._excludes = excludes

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in _LOOKING or (event.is_directory and event.event_type == "modified"):
            return
        for path in (event.src_path, event.dest_path):
            if path:
                self._hear(os.fsencode(path), is_folder=event.is_directory)

    def _hear(self, path: bytes, *, is_folder: bool) -> None:
        if path == self._root:
            self._mark(self._tree_id, b"")
            return
        rel = relative(path, self._root, separator=os.fsencode(os.sep))
        if rel is None or leaves_out(rel, self._excludes):
            return
        if is_folder or is_picture_name(rel.rsplit(b"/", 1)[-1]):
            self._mark(self._tree_id, rel)


def relative(path: bytes, root: bytes, *, separator: bytes) -> bytes | None:
    """The place of a path in a root, with ``/`` between its parts; None where it is not below it."""
    prefix = root.rstrip(separator) + separator
    return path[len(prefix) :].replace(separator, b"/") if path.startswith(prefix) else None


class _OverflowListener(logging.Handler):
    def __init__(self, lost: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._lost = lost

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            log.warning("file events were lost; looking through all folders")
            self._lost()
