"""Folder trees listened to through Linux's inotify, one watch a directory.

watchdog is not used for this. On Linux it watches every directory below a root, those that are left out as well; its
thread ends when a directory appears and no watch is left for it; and it keeps the watches of a tree that was moved out
under the old names. Here only the directories are watched that a walk comes to, and the events are nothing but hints
(see ``watch``), so that renamed trees need no bookkeeping: their watches are dropped and set anew.

A directory is first watched, then listed, then marked: what is put into it meanwhile is either listed or heard of.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import select
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from photosearch.indexer.scan import is_skipped
from photosearch.media.formats import is_picture_name

log = logging.getLogger(__name__)

_CLOSE_WRITE, _ATTRIB = 0x8, 0x4
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF = 0x400, 0x800
_UNMOUNT, _OVERFLOW, _IGNORED, _IS_FOLDER = 0x2000, 0x4000, 0x8000, 0x40000000
_ONLY_FOLDERS, _NO_LINKS, _NOT_UNLINKED = 0x1000000, 0x2000000, 0x4000000
_MASK = (
    _CLOSE_WRITE | _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
    | _ONLY_FOLDERS | _NO_LINKS | _NOT_UNLINKED
)  # fmt: skip
"""Not IN_MODIFY: a writer closes its file in the end, and a long copy would keep the folder from falling still."""
_NEW_PLACE = _CREATE | _MOVED_TO | _ATTRIB
"""A folder that may have to be watched from now on. Its permissions may have kept it from that before."""
_ROOT_GONE = _DELETE_SELF | _MOVE_SELF | _UNMOUNT
_HEAD = struct.Struct("iIII")
_READ_BYTES = 256 * 1024
_EXHAUSTED = (errno.ENOSPC, errno.ENOMEM, errno.EMFILE)


@dataclass(slots=True)
class _Tree:
    """One root, and the watch of each place in it."""

    root: bytes
    excludes: frozenset[bytes]
    watches: dict[bytes, int] = field(default_factory=dict)


class InotifyTrees:
    """Listens to trees and calls back from a thread of its own. Safe to use from several threads.

    mark: called with a tree's number and a place in it that wants a look. lost: events were lost, in all trees.
    root_gone: the root of a tree was moved, removed or unmounted. exhausted: the system has no watch left for a part of
    a tree, which must be looked through from now on. Raises OSError where the system has no inotify left to give.
    """

    def __init__(
        self,
        *,
        mark: Callable[[int, bytes], None],
        lost: Callable[[], None],
        root_gone: Callable[[int], None],
        exhausted: Callable[[int, OSError], None],
    ) -> None:
        self._mark = mark
        self._lost = lost
        self._root_gone = root_gone
        self._exhausted = exhausted
        self._lock = threading.RLock()
        self._trees: dict[int, _Tree] = {}
        self._places: dict[int, set[tuple[int, bytes]]] = {}
        """What each watch is for: one directory may be at two places (bind mounts, and events that lag behind)."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._events = self._opened()
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._listen, name="photosearch-events", daemon=True)
        self._thread.start()

    def follow(self, tree_id: int, root: bytes, *, excludes: frozenset[bytes]) -> None:
        """Listen to a tree from now on. Raises OSError where its root, or any part of it, cannot be watched for want of
        watches; nothing of it is watched then."""
        with self._lock:
            self.unfollow(tree_id)
            self._trees[tree_id] = _Tree(root, excludes)
            try:
                self._watch(tree_id, b"")
            except OSError:
                self.unfollow(tree_id)
                raise

    def unfollow(self, tree_id: int) -> None:
        with self._lock:
            tree = self._trees.get(tree_id)
            if tree is not None:
                self._unwatch(tree_id, b"")
                del self._trees[tree_id]

    def close(self) -> None:
        os.write(self._stop, b".")
        self._thread.join()
        for descriptor in (self._events, self._stopped, self._stop):
            os.close(descriptor)

    def _watch(self, tree_id: int, rel: bytes) -> None:
        """Watch a place and the folders below it. Raises OSError for the root, and where there is no watch left."""
        tree = self._trees[tree_id]
        waiting = [rel]
        while waiting:
            rel = waiting.pop()
            place = _join(tree.root, rel) if rel else tree.root
            try:
                watch = self._add(place)
            except OSError as error:
                if not rel or error.errno in _EXHAUSTED:
                    raise
                continue  # gone again, or not readable now: a change of its permissions is an event of its parent
            before = tree.watches.get(rel)
            if before is not None and before != watch:
                self._drop(tree_id, rel, before)
            tree.watches[rel] = watch
            self._places.setdefault(watch, set()).add((tree_id, rel))
            waiting += self._folders_in(tree, rel, place)

    def _opened(self) -> int:
        events = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if events < 0:
            raise _os_error(ctypes.get_errno())
        return events

    def _add(self, place: bytes) -> int:
        watch = self._libc.inotify_add_watch(self._events, place, _MASK)
        if watch < 0:
            raise _os_error(ctypes.get_errno())
        return watch

    def _folders_in(self, tree: _Tree, rel: bytes, place: bytes) -> list[bytes]:
        found = []
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False) and self._wanted(tree, below := _join(rel, entry.name)):
                        found.append(below)
        except OSError:
            pass  # what could not be listed now is an event later, or stays away
        return found

    @staticmethod
    def _wanted(tree: _Tree, rel: bytes) -> bool:
        return not is_skipped(rel.rsplit(b"/", 1)[-1]) and rel not in tree.excludes

    def _unwatch(self, tree_id: int, rel: bytes) -> None:
        """No longer watch a place and all below it."""
        tree = self._trees[tree_id]
        prefix = rel + b"/"
        for place in [p for p in tree.watches if not rel or p == rel or p.startswith(prefix)]:
            self._drop(tree_id, place, tree.watches.pop(place))

    def _drop(self, tree_id: int, rel: bytes, watch: int) -> None:
        places = self._places.get(watch)
        if places is None:
            return
        places.discard((tree_id, rel))
        if not places:
            del self._places[watch]
            self._libc.inotify_rm_watch(self._events, watch)

    def _listen(self) -> None:
        while True:
            poll = select.poll()  # another descriptor after events were lost
            poll.register(self._stopped, select.POLLIN)
            poll.register(self._events, select.POLLIN)
            if any(descriptor == self._stopped for descriptor, _ in poll.poll()):
                return
            try:
                data = os.read(self._events, _READ_BYTES)
            except BlockingIOError:
                continue
            for watch, mask, name in _parsed(data):
                try:
                    if mask & _OVERFLOW:
                        self._begin_anew()
                        break  # what follows speaks of watches that are no more
                    self._hear(watch, mask, name)
                except Exception:  # thread boundary: a look at everything makes up for whatever it was
                    log.exception("an event could not be followed")
                    self._lost()

    def _hear(self, watch: int, mask: int, name: bytes) -> None:
        with self._lock:
            places = list(self._places.get(watch, ()))
            for tree_id, rel in places:
                self._hear_at(tree_id, rel, mask, name)
            if mask & _IGNORED:
                for tree_id, rel in self._places.pop(watch, ()):
                    watches = self._trees[tree_id].watches
                    if watches.get(rel) == watch:
                        del watches[rel]

    def _hear_at(self, tree_id: int, rel: bytes, mask: int, name: bytes) -> None:
        tree = self._trees[tree_id]
        if not name:  # of the folder itself
            if not rel and mask & _ROOT_GONE:
                self._root_gone(tree_id)
            if not rel and mask & (_ROOT_GONE | _ATTRIB):
                self._mark(tree_id, b"")
            elif mask & _UNMOUNT:
                self._mark(tree_id, rel)
            return
        below = _join(rel, name)
        if not mask & _IS_FOLDER:
            if is_picture_name(name) and not is_skipped(name):
                self._mark(tree_id, below)
            return
        if not self._wanted(tree, below):
            return
        if mask & _MOVED_FROM:
            self._unwatch(tree_id, below)
        elif mask & _NEW_PLACE:
            try:
                self._watch(tree_id, below)
            except OSError as error:
                self._exhausted(tree_id, error)
        self._mark(tree_id, below)

    def _begin_anew(self) -> None:
        """Events were lost, and with them what became of the folders.

        With a queue of its own: every watch that is taken out of the old one puts an event into it, which then
        overflows again.
        """
        log.warning("file events were lost; looking through all folders")
        with self._lock:
            opened = self._opened()
            os.close(self._events)
            self._events = opened
            self._places.clear()
            for tree in self._trees.values():
                tree.watches.clear()
            for tree_id in self._trees:
                try:
                    self._watch(tree_id, b"")
                except OSError as error:
                    if error.errno in _EXHAUSTED:
                        self._exhausted(tree_id, error)
                    else:
                        self._root_gone(tree_id)
        self._lost()


def _join(rel: bytes, name: bytes) -> bytes:
    return rel + b"/" + name if rel else name


def _parsed(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at < len(data):
        watch, mask, _, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield watch, mask, data[at : at + length].rstrip(b"\0")
        at += length


def _os_error(number: int) -> OSError:
    if number == errno.ENOSPC:
        return OSError(number, "the system has no more folder watches to give (fs.inotify.max_user_watches)")
    if number == errno.EMFILE:
        return OSError(number, "the system has no more listeners to give (fs.inotify.max_user_instances)")
    return OSError(number, os.strerror(number))
