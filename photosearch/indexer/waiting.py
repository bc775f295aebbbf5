"""The files that wait for a decode worker: newest first, and before them those whose photos are on screen."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence

from photosearch.catalog import WorkItem

SETTLE_SECONDS = 1.0
"""A file younger than this may still be growing; it waits."""


class OnScreen:
    """The photos that are on screen, first things first. Written by one thread, read by another."""

    def __init__(self) -> None:
        self.photo_ids: tuple[int, ...] = ()

    def show(self, photo_ids: Sequence[int]) -> None:
        self.photo_ids = tuple(photo_ids)


class Waiting:
    """Hands out every file once. A photo on screen may wait for another model, or because its file changed."""

    def __init__(self, work: Sequence[WorkItem], on_screen: OnScreen) -> None:
        self._on_screen = on_screen
        self._in_order = settled_first(work)
        self._by_photo = {item.photo_id: item for item in work if item.photo_id is not None}
        self._handed_out: set[int] = set()
        self._preferred: tuple[int, ...] = ()
        self._first: deque[WorkItem] = deque()

    def next(self) -> WorkItem | None:
        """The next file, None after the last."""
        if self._preferred is not self._on_screen.photo_ids:
            self._preferred = self._on_screen.photo_ids
            self._first = deque(self._by_photo[p] for p in self._preferred if p in self._by_photo)
        while self._first:
            item = self._first.popleft()
            if item.file_id not in self._handed_out:
                return self._hand_out(item)
        for item in self._in_order:
            if item.file_id not in self._handed_out:
                return self._hand_out(item)
        return None

    def _hand_out(self, item: WorkItem) -> WorkItem:
        if item.photo_id is not None:
            self._handed_out.add(item.file_id)
        return item


def settled_first(work: Sequence[WorkItem]) -> Iterator[WorkItem]:
    """Files that have been still for a while first, in the given order; the youngest, which may still grow, last."""
    young: list[WorkItem] = []
    now_ns = time.time_ns()
    for item in work:
        if 0 <= now_ns - item.mtime_ns < SETTLE_SECONDS * 1e9:
            young.append(item)
        else:
            yield item
    yield from reversed(young)
