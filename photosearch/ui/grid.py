"""The grid of photos under hand: keyboard, mouse, wheel and menu over the view."""

from __future__ import annotations

from PySide6.QtCore import QEasingCurve, QPoint, QPropertyAnimation, QRect, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QKeySequence, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

from photosearch.ui.grid_layout import Rect
from photosearch.ui.grid_view import GAP_PX, IDS_KEPT, PhotoView
from photosearch.ui.photo_model import PhotoModel
from photosearch.ui.thumbnails import Thumbnails

_SCROLL_MS = 140
_HOVER_REST_MS = 120
_VERTICAL_KEYS: frozenset[int] = frozenset({Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown})
_MOVING_KEYS: frozenset[int] = _VERTICAL_KEYS | {Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End}


class PhotoGrid(PhotoView):
    """Turns input into selection, scrolling and the wishes below; what they mean is for others to know."""

    activated = Signal(int)
    preview_wanted = Signal(int)
    menu_wanted = Signal(QPoint)
    drag_wanted = Signal()
    resize_wanted = Signal(int)
    """Larger (1) or smaller (-1) tiles."""
    hovered = Signal(int)
    """Row the mouse rests on, -1 for none."""

    def __init__(self, model: PhotoModel, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(model, thumbnails, parent)
        self._column_x: float | None = None
        self._press: QPoint | None = None
        self._press_row = -1
        self._collapse_on_release = False
        self._band_origin: QPoint | None = None
        self._band_base: tuple[int, ...] = ()
        self._scrolling = QPropertyAnimation(self.verticalScrollBar(), b"value", self)
        self._scrolling.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._hover_rest = self._timer(_HOVER_REST_MS, lambda: self.hovered.emit(self._hover))
        model.modelReset.connect(self._let_go)

    def _let_go(self) -> None:
        """The rows are others now: nothing begun with the mouse goes on."""
        self._press, self._press_row, self._band_origin = None, -1, None
        self._collapse_on_release = False
        self._column_x = None
        self._scrolling.stop()

    # Keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
            return
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        key = event.key()
        target = self._step(key)
        if target is not None:
            if key not in _VERTICAL_KEYS:
                self._column_x = None
            self.go_to(target, extend=shift, keep=control and not shift)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current >= 0:
            self.activated.emit(self.current)
        elif key == Qt.Key.Key_Space and control and self.current >= 0:
            self.selection.toggle(self.current)
            self._anchor = self.current
            self.viewport().update()
            self.selection_changed.emit()
        elif key == Qt.Key.Key_Space and self.current >= 0:
            self.preview_wanted.emit(self.current)
        else:
            event.ignore()

    def _step(self, key: int) -> int | None:
        """The row a key leads to, None for other keys."""
        count = len(self.model.listing)
        if not count or key not in _MOVING_KEYS:
            return None
        if self.current < 0:
            rows = self.visible_rows()
            return count - 1 if key == Qt.Key.Key_End else (rows[0] if rows and key != Qt.Key.Key_Home else 0)
        if key in _VERTICAL_KEYS:
            if self._column_x is None:
                self._column_x = self._layout.middle(self.current)
            page = max(1, self.viewport().height() // (self._tile_px + GAP_PX) - 1)
            steps: dict[int, int] = {
                Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -page, Qt.Key.Key_PageDown: page
            }  # fmt: skip
            return self._layout.above_or_below(self.current, self._column_x, lines=steps[key])
        ends: dict[int, int] = {
            Qt.Key.Key_Left: max(0, self.current - 1),
            Qt.Key.Key_Right: min(count - 1, self.current + 1),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: count - 1,
        }
        return ends[key]

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        row = self.row_at(point)
        self._column_x = None
        if event.button() == Qt.MouseButton.RightButton:
            if row >= 0 and row not in self.selection:
                self.go_to(row)
            return
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._press, self._press_row, self._collapse_on_release = point, row, False
        if row < 0:
            self._band_origin = QPoint(*self._to_content(point))
            self._band_base = tuple(self.selection) if control and len(self.selection) <= IDS_KEPT else ()
            if not control:
                self.clear_selection()
        elif control:
            self.selection.toggle(row)
            self._anchor = row
            self.go_to(row, keep=True)
        elif shift:
            self.go_to(row, extend=True)
        elif row in self.selection and len(self.selection) > 1:
            self._collapse_on_release = True
            self.go_to(row, keep=True)
        else:
            self.go_to(row)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        if event.buttons() & Qt.MouseButton.LeftButton and self._press is not None:
            far = (point - self._press).manhattanLength() >= QApplication.startDragDistance()
            if self._band_origin is not None and (far or self._band is not None):
                self._stretch_band(point)
            elif far and self._press_row >= 0:
                self._press, self._collapse_on_release = None, False
                self.drag_wanted.emit()
            return
        self._set_hover(self.row_at(point))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            if self._collapse_on_release and self._press_row >= 0:
                self.go_to(self._press_row)
            self._press, self._band, self._band_origin = None, None, None
            self._collapse_on_release = False
            self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        row = self.row_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and row >= 0:
            self.activated.emit(row)

    def leaveEvent(self, event) -> None:
        self._set_hover(-1)
        super().leaveEvent(event)

    def _set_hover(self, row: int) -> None:
        if row == self._hover:
            return
        for changed in (self._hover, row):
            if 0 <= changed < len(self.model.listing):
                self.viewport().update(self.tile_rect(changed))
        self._hover = row
        self._hover_rest.start()

    def _stretch_band(self, point: QPoint) -> None:
        here = QPoint(*self._to_content(point))
        box = QRect(self._band_origin, here).normalized()
        self._band = Rect(box.x(), box.y(), box.width(), box.height())
        self.selection.replace([*self._band_base, *self._layout.within(self._band)])
        self.viewport().update()
        self.selection_changed.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            if self.current < 0:
                return
            self.scroll_to(self.current)
            point = self.tile_rect(self.current).center()
        else:
            point = event.pos()
            if self.row_at(point) < 0:
                return
        self.menu_wanted.emit(self.viewport().mapToGlobal(point))

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            if event.angleDelta().y():
                self.resize_wanted.emit(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
            return
        bar = self.verticalScrollBar()
        if not event.pixelDelta().isNull():
            self._scrolling.stop()
            bar.setValue(bar.value() - event.pixelDelta().y())
        else:
            running = self._scrolling.state() == QPropertyAnimation.State.Running
            base = self._scrolling.endValue() if running else bar.value()
            step = event.angleDelta().y() / 120 * QApplication.wheelScrollLines() * bar.singleStep()
            goal = min(max(round(base - step), bar.minimum()), bar.maximum())
            self._scrolling.stop()
            self._scrolling.setDuration(_SCROLL_MS)
            self._scrolling.setStartValue(bar.value())
            self._scrolling.setEndValue(goal)
            self._scrolling.start()
        event.accept()
