"""Facts of the photos in front of the user, asked of the library in the background and kept for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from photosearch.records import Photo
from photosearch.ui.worker import Worker

_KEPT = 4000


class _HasPhotos(Protocol):
    def photo(self, photo_id: int) -> Photo: ...


class PhotoBook(QObject):
    """``known`` answers at once from memory; ``fetch`` asks the library first."""

    learned = Signal(int)
    """A photo's facts are known now."""

    def __init__(self, errands: Worker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._errands = errands
        self._library: _HasPhotos | None = None
        self._photos: OrderedDict[int, Photo] = OrderedDict()
        self._asked: set[int] = set()

    def use(self, library: _HasPhotos | None) -> None:
        self._library = library
        self.forget()

    def forget(self) -> None:
        """Photos moved or changed: ask again."""
        self._photos.clear()
        self._asked.clear()

    def known(self, photo_id: int) -> Photo | None:
        return self._photos.get(photo_id)

    def want(self, photo_id: int) -> None:
        """Ask for a photo unless it is known or asked for; ``learned`` follows."""
        if photo_id not in self._photos and photo_id not in self._asked:
            self._asked.add(photo_id)
            self.fetch((photo_id,), lambda _photos: None)

    def fetch(self, photo_ids: Sequence[int], then: Callable[[list[Photo]], None]) -> None:
        """``then`` gets the photos that still exist, in order, as soon as they are known."""
        known = [self._photos.get(photo_id) for photo_id in photo_ids]
        if all(known):
            then([photo for photo in known if photo])
            return
        library = self._library
        if library is None:
            return

        def look_up() -> list[Photo]:
            found = []
            for photo_id in photo_ids:
                try:
                    found.append(library.photo(photo_id))
                except KeyError:  # removed meanwhile
                    continue
            return found

        def arrived(outcome: list[Photo] | Exception) -> None:
            self._asked.difference_update(photo_ids)
            if isinstance(outcome, Exception):
                return
            for photo in outcome:
                self._photos[photo.id] = photo
                self._photos.move_to_end(photo.id)
                self.learned.emit(photo.id)
            while len(self._photos) > _KEPT:
                self._photos.popitem(last=False)
            then(outcome)

        self._errands.start(look_up, arrived)
