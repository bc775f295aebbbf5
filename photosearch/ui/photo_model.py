"""The listing as a Qt list model: what views, tests and assistive programs read."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QByteArray, QModelIndex, QObject, QPersistentModelIndex, Qt

from photosearch.errors import display_path
from photosearch.records import Tile
from photosearch.ui.listing import Listing, day_text
from photosearch.ui.photo_book import PhotoBook


class PhotoRole(IntEnum):
    PHOTO_ID = Qt.ItemDataRole.UserRole + 1
    WIDTH = Qt.ItemDataRole.UserRole + 2
    HEIGHT = Qt.ItemDataRole.UserRole + 3
    TAKEN = Qt.ItemDataRole.UserRole + 4
    AWAY = Qt.ItemDataRole.UserRole + 5
    PATH = Qt.ItemDataRole.UserRole + 6
    """Text for people; None while the library has not been asked."""
    STRENGTH = Qt.ItemDataRole.UserRole + 7
    SECTION = Qt.ItemDataRole.UserRole + 8


_ROLE_NAMES = {
    PhotoRole.PHOTO_ID: b"photoId",
    PhotoRole.WIDTH: b"width",
    PhotoRole.HEIGHT: b"height",
    PhotoRole.TAKEN: b"taken",
    PhotoRole.AWAY: b"away",
    PhotoRole.PATH: b"path",
    PhotoRole.STRENGTH: b"strength",
    PhotoRole.SECTION: b"section",
}

Index = QModelIndex | QPersistentModelIndex
_NO_PARENT = QModelIndex()


class PhotoModel(QAbstractListModel):
    """One row a tile. A new listing resets the model; who shows it keeps its place by photo id."""

    def __init__(self, book: PhotoBook, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._book = book
        self.listing = Listing()

    def show(self, listing: Listing) -> None:
        """Replace everything."""
        self.beginResetModel()
        self.listing = listing
        self.endResetModel()

    def tile(self, row: int) -> Tile:
        return self.listing.tiles[row]

    def path(self, row: int) -> Path | None:
        """The file to show for a row; None while it is not known yet."""
        if self.listing.hits:
            return self.listing.hits[row].path
        photo = self._book.known(self.tile(row).photo_id)
        return photo.path if photo and photo.places else None

    def caption(self, row: int) -> str:
        """Name and day, as far as known: plain text for people."""
        path = self.path(row)
        name = display_path(path.name) if path else ""
        return " · ".join(part for part in (name, day_text(self.tile(row).taken)) if part)

    def spoken(self, row: int) -> str:
        """What a screen reader says of a row."""
        tile = self.tile(row)
        away = ", not connected" if tile.away else ""
        return f"{self.caption(row) or 'Photo'}{away}, {row + 1} of {len(self.listing)}"

    def rowCount(self, parent: Index = _NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self.listing)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self.listing):
            return None
        row, tile = index.row(), self.tile(index.row())
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self.caption(row)
            case Qt.ItemDataRole.AccessibleTextRole:
                return self.spoken(row)
            case PhotoRole.PHOTO_ID:
                return tile.photo_id
            case PhotoRole.WIDTH:
                return tile.width
            case PhotoRole.HEIGHT:
                return tile.height
            case PhotoRole.TAKEN:
                return tile.taken
            case PhotoRole.AWAY:
                return tile.away
            case PhotoRole.PATH:
                path = self.path(row)
                return display_path(path) if path else None
            case PhotoRole.STRENGTH:
                return self.listing.hits[row].strength if self.listing.hits else None
            case PhotoRole.SECTION:
                return next(s.title for s in reversed(self.listing.sections) if s.start <= row)
        return None

    def roleNames(self) -> dict[int, QByteArray]:
        return {**super().roleNames(), **{int(role): QByteArray(name) for role, name in _ROLE_NAMES.items()}}
