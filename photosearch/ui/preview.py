"""The large preview over the window: the thumbnail at once, the full picture when it is there, the neighbours ahead."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolButton, QWidget

from photosearch.ui import icons
from photosearch.ui.photo_model import PhotoModel
from photosearch.ui.session import Session, sentence_of
from photosearch.ui.theme import UNIT_PX
from photosearch.ui.thumbnails import Thumbnails, decode

_SURROUND = QColor(14, 14, 16)
_INK = QColor("#e8e8ea")
_QUIET = QColor("#9b9da3")
_KEPT = 6
_SMALLEST_PX, _LARGEST_PX = 800, 4096
_STEPS: dict[int, int] = {
    Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageUp: -1,
    Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageDown: 1,
}  # fmt: skip


def fitted(size: QSize, into: QRect) -> QRect:
    """The largest rectangle of ``size``'s proportions in the middle of ``into``; never larger than ``size`` doubled."""
    shown = QSize(size)
    shown.scale(into.size(), Qt.AspectRatioMode.KeepAspectRatio)
    box = QRect(0, 0, max(1, shown.width()), max(1, shown.height()))
    box.moveCenter(into.center())
    return box


class Preview(QWidget):
    """Covers its parent; walks the model's rows. ``left`` follows when it closes."""

    left = Signal()
    row_changed = Signal(int)
    opened = Signal(int)
    """Enter: open with the system's program."""

    def __init__(self, model: PhotoModel, session: Session, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self._model, self._session, self._thumbnails = model, session, thumbnails
        self.row = -1
        self._photo_id: int | None = None
        self._images: OrderedDict[int, QImage] = OrderedDict()
        self._jobs: dict[int, int] = {}
        """Photo id to job number."""
        self._failed: dict[int, str] = {}
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Preview")
        self.setMouseTracking(True)
        self._previous = self._button("previous", "Previous photo (Left)", lambda: self.step(-1))
        self._next = self._button("next", "Next photo (Right)", lambda: self.step(1))
        self._close = self._button("close", "Close (Esc)", self.close_preview)
        parent.installEventFilter(self)
        model.modelReset.connect(self._model_reset)
        session.book.learned.connect(self._learned)
        thumbnails.loaded.connect(lambda photo_id, _first: self._learned(photo_id))
        self.hide()

    def _button(self, icon: str, words: str, slot) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(icons.icon(icon, _INK, disabled=QColor(70, 70, 74)))
        button.setIconSize(QSize(24, 24))
        button.setFixedSize(5 * UNIT_PX, 5 * UNIT_PX)
        button.setStyleSheet(
            "QToolButton { background: rgba(40,40,44,200); border-radius: 20px; }"
            "QToolButton:hover { background: rgba(70,70,76,230); }"
        )
        button.setToolTip(words)
        button.setAccessibleName(words)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(slot)
        return button

    # Showing

    def open_row(self, row: int) -> None:
        """Show a row's photo over the window."""
        self.setGeometry(self.parentWidget().rect())
        self.show()
        self.raise_()
        self.setFocus()
        self._go(row)

    def close_preview(self) -> None:
        if not self.isVisible():
            return
        self._drop_jobs()
        self._images.clear()
        self._failed.clear()
        self.row, self._photo_id = -1, None
        self.hide()
        self.left.emit()

    def step(self, rows: int) -> None:
        self._go(self.row + rows)

    def _go(self, row: int) -> None:
        if not 0 <= row < len(self._model.listing):
            return
        self.row = row
        self._photo_id = self._model.tile(row).photo_id
        self._session.book.want(self._photo_id)
        self._previous.setEnabled(row > 0)
        self._next.setEnabled(row + 1 < len(self._model.listing))
        self.setAccessibleDescription(self._model.spoken(row))
        self._load()
        self.update()
        self.row_changed.emit(row)

    def _load(self) -> None:
        """The photo in front, then its neighbours; what waits for others is dropped."""
        self._drop_jobs()
        near = [r for r in (self.row, self.row + 1, self.row - 1) if 0 <= r < len(self._model.listing)]
        side = self._wanted_px()
        for place, row in enumerate(near):
            tile = self._model.tile(row)
            if tile.photo_id in self._images or tile.photo_id in self._failed or tile.away:
                continue
            photo_id = tile.photo_id
            self._jobs[photo_id] = self._session.load_preview(
                photo_id,
                max_px=side,
                make=lambda data: decode(data, side_px=side),
                then=lambda outcome, photo_id=photo_id: self._loaded(photo_id, outcome),
                priority=-place,
            )

    def _wanted_px(self) -> int:
        """Long side in device pixels: enough to fill the window, in steps so that a small resize loads nothing anew."""
        side = max(self.width(), self.height()) * self.devicePixelRatioF()
        return int(min(_LARGEST_PX, max(_SMALLEST_PX, -(-side // 400) * 400)))

    def _drop_jobs(self) -> None:
        for job in self._jobs.values():
            self._session.workers.previews.drop(job)
        self._jobs.clear()

    def _loaded(self, photo_id: int, outcome: object) -> None:
        self._jobs.pop(photo_id, None)
        if isinstance(outcome, QImage) and not outcome.isNull():
            self._images[photo_id] = outcome
            while len(self._images) > _KEPT:
                self._images.popitem(last=False)
        elif isinstance(outcome, KeyError):
            self._failed[photo_id] = "This photo is not in the library any more."
        elif isinstance(outcome, Exception):
            self._failed[photo_id] = sentence_of(outcome)
        else:
            self._failed[photo_id] = "This photo cannot be shown."
        if photo_id == self._photo_id:
            self.update()

    @property
    def shows_full(self) -> bool:
        """Whether the photo in front is here in full, not only as its thumbnail."""
        return self._photo_id in self._images

    @property
    def note(self) -> str:
        """Why the photo in front is not shown in full; empty when there is nothing to say."""
        if self._photo_id is None:
            return ""
        if self._model.tile(self.row).away:
            return "The drive or folder of this photo is not connected; this is its thumbnail."
        return self._failed.get(self._photo_id, "")

    def _learned(self, photo_id: int) -> None:
        if photo_id == self._photo_id:
            self.update()

    def _model_reset(self) -> None:
        """The list changed under the preview: stay on the photo, or leave when it went."""
        if self._photo_id is None:
            return
        row = self._model.listing.row_of.get(self._photo_id)
        if row is None:
            self.close_preview()
        else:
            self._go(row)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), _SURROUND)
        if self._photo_id is None or not 0 <= self.row < len(self._model.listing):
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        tile = self._model.tile(self.row)
        room = self.rect().adjusted(2 * UNIT_PX, 2 * UNIT_PX, -2 * UNIT_PX, -6 * UNIT_PX)
        image = self._images.get(self._photo_id) or self._thumbnails.image(self._photo_id)
        if image is not None:
            size = QSize(max(1, tile.width), max(1, tile.height))
            if size.width() < room.width() and size.height() < room.height():
                room = fitted(size, QRect(room.center().x() - size.width(), room.center().y() - size.height(),
                                          2 * size.width(), 2 * size.height()).intersected(room))  # fmt: skip
            painter.drawImage(QRectF(fitted(size, room)), image)
        self._words(painter)
        painter.end()

    def _words(self, painter: QPainter) -> None:
        band = QRect(3 * UNIT_PX, self.height() - 5 * UNIT_PX, self.width() - 6 * UNIT_PX, 4 * UNIT_PX)
        metrics = painter.fontMetrics()
        place = f"{self.row + 1:,} of {len(self._model.listing):,}"
        middle_left = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine)
        painter.setPen(_QUIET)
        painter.drawText(band, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), place)
        room = band.adjusted(0, 0, -metrics.horizontalAdvance(place) - 3 * UNIT_PX, 0)
        painter.setPen(_INK)
        text = " · ".join(part for part in (self._model.caption(self.row), self.note) if part)
        painter.drawText(room, middle_left, metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room.width()))

    def resizeEvent(self, event) -> None:
        side, middle = 5 * UNIT_PX, (self.height() - 5 * UNIT_PX) // 2
        self._previous.move(2 * UNIT_PX, middle)
        self._next.move(self.width() - side - 2 * UNIT_PX, middle)
        self._close.move(self.width() - side - 2 * UNIT_PX, 2 * UNIT_PX)
        super().resizeEvent(event)

    # Input

    def eventFilter(self, watched, event: QEvent) -> bool:
        if watched is self.parentWidget() and event.type() == QEvent.Type.Resize and self.isVisible():
            self.setGeometry(self.parentWidget().rect())
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Escape, Qt.Key.Key_Space):
            self.close_preview()
        elif key in _STEPS:
            self.step(_STEPS[key])
        elif key == Qt.Key.Key_Home:
            self._go(0)
        elif key == Qt.Key.Key_End:
            self._go(len(self._model.listing) - 1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit(self.row)
        else:
            event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click beside the photo closes, as people expect of a thing that lies over another."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.close_preview()

    def focusNextPrevChild(self, next_one: bool) -> bool:
        return False  # Tab must not reach what is hidden beneath
