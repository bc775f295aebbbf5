"""What can be done with the photos chosen in the grid: open, show, copy, drag out, find similar.

The files are asked of the library first, in the background, for the grid knows photos only by their number.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QPoint, QRect, Qt
from PySide6.QtGui import QDrag, QGuiApplication, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QApplication

from photosearch.errors import display_path
from photosearch.records import FileState, Photo
from photosearch.ui import desktop, theme
from photosearch.ui.grid import PhotoGrid
from photosearch.ui.photo_model import PhotoModel
from photosearch.ui.session import QueryPicture, Session, sentence_of
from photosearch.ui.thumbnails import Thumbnails, decode
from photosearch.ui.tile_painter import cover

MOST_FILES = 500
"""Copied or dragged at once; more is no drag but a mistake."""
_COPIED_PX = 4096
_DRAG_PX = 96


def present_path(photo: Photo) -> Path | None:
    """A file of the photo that is there now."""
    return next((place.path for place in photo.places if place.state is not FileState.AWAY), None)


def show_file(session: Session, path: Path) -> None:
    """Show a file in the file manager; where none can select it, its folder is opened."""

    def asked(outcome: object) -> None:
        if outcome is not True and not desktop.open_file(path.parent):
            session.noticed.emit(f"No file manager could be opened for {display_path(path.parent)}.")

    session.workers.errands.start(lambda: desktop.show_in_file_manager(path), asked)


class PhotoActions(QObject):
    """Acts on the grid's selection, or its current photo."""

    def __init__(
        self, session: Session, model: PhotoModel, grid: PhotoGrid, thumbnails: Thumbnails, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session, self._model, self._grid, self._thumbnails = session, model, grid, thumbnails

    def _with_paths(self, photo_ids: list[int], then) -> None:
        def found(photos: list[Photo]) -> None:
            paths = [path for photo in photos if (path := present_path(photo))]
            if paths:
                then(paths)
            elif photo_ids:
                away = bool(photos)
                self._session.noticed.emit(
                    "The drive or folder of this photo is not connected."
                    if away
                    else "This photo is not in the library any more."
                )

        if photo_ids:
            self._session.fetch_photos(photo_ids[:MOST_FILES], found)

    def _current_id(self) -> list[int]:
        return [self._model.tile(self._grid.current).photo_id] if self._grid.current >= 0 else []

    def open_row(self, row: int) -> None:
        self._with_paths([self._model.tile(row).photo_id], self._open)

    def open_current(self) -> None:
        self._with_paths(self._current_id(), self._open)

    def _open(self, paths: list[Path]) -> None:
        if not desktop.open_file(paths[0]):
            self._session.noticed.emit(f"No program is set up to open {display_path(paths[0].name)}.")

    def show_current(self) -> None:
        self._with_paths(self._current_id(), self._show)

    def _show(self, paths: list[Path]) -> None:
        show_file(self._session, paths[0])

    def copy_paths(self) -> None:
        """The paths of the selection, one a line."""

        def copy(paths: list[Path]) -> None:
            QGuiApplication.clipboard().setText("\n".join(str(path) for path in paths))
            self._session.noticed.emit("Path copied." if len(paths) == 1 else f"{len(paths):,} paths copied.")

        self._with_paths(self._grid.selected_ids(), copy)

    def copy_image(self) -> None:
        """One photo: its pixels and its file, for whatever is pasted into. Several: their files."""
        photo_ids = self._grid.selected_ids()
        if len(photo_ids) == 1:
            self._with_paths(photo_ids, lambda paths: self._copy_pixels(photo_ids[0], paths))
        else:
            self._with_paths(photo_ids, self._copy_files)

    def _copy_files(self, paths: list[Path]) -> None:
        QGuiApplication.clipboard().setMimeData(desktop.files_mime(paths))
        self._session.noticed.emit("Image copied." if len(paths) == 1 else f"{len(paths):,} files copied.")

    def _copy_pixels(self, photo_id: int, paths: list[Path]) -> None:
        def ready(outcome: object) -> None:
            if isinstance(outcome, Exception):
                self._session.noticed.emit(sentence_of(outcome))
                return
            mime = desktop.files_mime(paths)
            if isinstance(outcome, QImage) and not outcome.isNull():
                mime.setImageData(outcome)
            QGuiApplication.clipboard().setMimeData(mime)
            self._session.noticed.emit("Image copied.")

        self._session.load_preview(
            photo_id, max_px=_COPIED_PX, make=lambda data: decode(data, side_px=_COPIED_PX), then=ready, priority=1
        )

    def find_similar(self) -> None:
        """Search by the chosen photos."""
        ids = self._grid.selected_ids()[:8]
        pictures = []
        for photo_id in ids:
            row = self._model.listing.row_of[photo_id]
            path = self._model.path(row)
            pictures.append(QueryPicture(photo_id, display_path(path.name) if path else "photo"))
        if pictures:
            self._session.set_query(pictures=pictures)

    def drag(self) -> None:
        """Drag the selection out as files, once they are known; a button let go meanwhile ends it."""
        self._with_paths(self._grid.selected_ids(), self._drag)

    def _drag(self, paths: list[Path]) -> None:
        if not QApplication.mouseButtons() & Qt.MouseButton.LeftButton:
            return
        drag = QDrag(self._grid)
        drag.setMimeData(desktop.files_mime(paths))
        pixmap = self._drag_pixmap(len(paths))
        drag.setPixmap(pixmap)
        drag.setHotSpot(QPoint(_DRAG_PX // 2, _DRAG_PX // 2))
        drag.exec(Qt.DropAction.CopyAction)

    def _drag_pixmap(self, count: int) -> QPixmap:
        pixmap = QPixmap(_DRAG_PX, _DRAG_PX)
        pixmap.fill(theme.current().blank)
        painter = QPainter(pixmap)
        ids = self._current_id()
        image = self._thumbnails.image(ids[0]) if ids else None
        if image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(pixmap.rect(), image, cover(image, pixmap.rect()).toRect())
        if count > 1:
            badge = QRect(_DRAG_PX - 40, _DRAG_PX - 28, 36, 24)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.current().accent)
            painter.drawRoundedRect(badge, 12, 12)
            painter.setPen(theme.current().on_accent)
            painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, f"{count:,}")
        painter.end()
        return pixmap
