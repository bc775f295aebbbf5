"""The grid's view: a scroll area of our own over a list model, which lays out and paints only what shows.

QListView freezes for a fifth of a second at each change of 100,000 rows; this one answers in milliseconds. What the
stock view gives for free is owed: selection by ranges and words for assistive programs here, input in ``grid``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from PySide6.QtCore import QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QFocusEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QLabel, QWidget

from photosearch.records import Query
from photosearch.ui import theme
from photosearch.ui.grid_layout import GridLayout, Rect
from photosearch.ui.photo_model import PhotoModel
from photosearch.ui.selection import Selection
from photosearch.ui.theme import UNIT_PX
from photosearch.ui.thumbnails import Thumbnails
from photosearch.ui.tile_painter import HEADING_PX, TilePainter

GAP_PX = UNIT_PX
MARGIN_PX = 2 * UNIT_PX
RIGHT_MARGIN_PX = 2
"""The scroll bar beside it makes up the rest."""
_BELOW_PX = 3 * UNIT_PX
_FADE_SECONDS = 0.14
IDS_KEPT = 20_000
"""A larger selection is not carried over when the library changes under it."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the user was, by photo, so that it survives a change of the list."""

    current: int | None
    selected: tuple[int, ...]
    top: int | None
    """Photo at the upper edge; None at the very top, where new photos appear."""
    top_offset: int


class PhotoView(QAbstractScrollArea):
    """Shows a PhotoModel and what is selected of it. Rows are the model's; ``current`` is -1 for none."""

    current_changed = Signal(int)
    selection_changed = Signal()

    def __init__(self, model: PhotoModel, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = model
        self.selection = Selection()
        self.current = -1
        self._thumbnails = thumbnails
        self._tile_px = 190
        self._anchor = -1
        self._hover = -1
        self._band: Rect | None = None
        self._fading: dict[int, float] = {}
        self._place: _Place | None = None
        self._place_query: Query | None = None
        self._library_place: _Place | None = None
        self._layout = GridLayout(model.listing.sums, (0,), width=1, row=100, gap=GAP_PX)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Photos")
        self.viewport().setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._date = QLabel(self)
        self._date.setTextFormat(Qt.TextFormat.PlainText)
        self._date.setObjectName("scrollDate")
        self._date.hide()
        self._ask = self._timer(0, self._ask_thumbnails)
        self._fade = QTimer(self)
        self._fade.setInterval(16)
        self._fade.timeout.connect(self._fade_step)
        model.modelAboutToBeReset.connect(self._remember)
        model.modelReset.connect(self._reset)
        thumbnails.loaded.connect(self._thumbnail_loaded)
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(lambda _value: self._scrolled())
        bar.sliderReleased.connect(self._date.hide)

    def _timer(self, after_ms: int, slot) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(after_ms)
        timer.timeout.connect(slot)
        return timer

    # Layout

    @property
    def tile_px(self) -> int:
        return self._tile_px

    def set_tile_px(self, tile_px: int) -> None:
        """Height of the rows, in logical pixels; what was at the top stays there."""
        if tile_px != self._tile_px:
            place = self._look()
            self._tile_px = tile_px
            self._relayout()
            self._scroll_back(place)

    def _relayout(self) -> None:
        listing = self.model.listing
        self._layout = GridLayout(
            listing.sums,
            [section.start for section in listing.sections] or (0,),
            width=self.viewport().width() - MARGIN_PX - RIGHT_MARGIN_PX,
            row=self._tile_px,
            gap=GAP_PX,
            heading=HEADING_PX if listing.sections else 0,
            block=22 * UNIT_PX,
        )
        page = self.viewport().height()
        bar = self.verticalScrollBar()
        bar.setPageStep(page)
        bar.setSingleStep(max(24, self._tile_px // 3))
        bar.setRange(0, max(0, self._layout.height + _BELOW_PX - page) if self._layout.count else 0)
        self._scrolled()

    def _to_view(self, rect: Rect) -> QRect:
        return QRect(rect.x + MARGIN_PX, rect.y - self.verticalScrollBar().value(), rect.width, rect.height)

    def _to_content(self, point: QPoint) -> tuple[int, int]:
        return point.x() - MARGIN_PX, point.y() + self.verticalScrollBar().value()

    def tile_rect(self, row: int) -> QRect:
        """Where a tile is in the viewport (it may be out of sight)."""
        return self._to_view(self._layout.rect(row))

    def row_at(self, point: QPoint) -> int:
        """The row under a point of the viewport, -1 for none."""
        tile = self._layout.tile_at(*self._to_content(point))
        return -1 if tile is None else tile

    def visible_rows(self) -> list[int]:
        top = self.verticalScrollBar().value()
        return [tile for tile, _ in self._layout.visible(top, top + self.viewport().height())]

    def scroll_to(self, row: int) -> None:
        """Bring a row into sight, with its section's heading when it is the section's first."""
        rect = self._layout.rect(row)
        bar, page = self.verticalScrollBar(), self.viewport().height()
        section = self.model.listing.sections[self._layout.section_of(row)] if self.model.listing.sections else None
        first_row = section is not None and self._layout.same_line(section.start, row)
        top = rect.y - (HEADING_PX if first_row else GAP_PX)
        bottom = rect.y + rect.height + GAP_PX
        if top < bar.value():
            bar.setValue(top)
        elif bottom > bar.value() + page:
            bar.setValue(min(bottom - page, top))

    # Keeping the place when the list changes

    def _look(self) -> _Place:
        listing = self.model.listing
        scroll = self.verticalScrollBar().value()
        top = self._layout.first_at(scroll) if scroll and self._layout.count else None
        selected = tuple(self._ids(self.selection)) if len(self.selection) <= IDS_KEPT else ()
        return _Place(
            current=listing.tiles[self.current].photo_id if self.current >= 0 else None,
            selected=selected,
            top=listing.tiles[top].photo_id if top is not None else None,
            top_offset=scroll - self._layout.rect(top).y if top is not None else 0,
        )

    def _ids(self, rows: Sequence[int] | Selection) -> list[int]:
        return [self.model.tile(row).photo_id for row in rows]

    def _remember(self) -> None:
        self._place = self._look()
        self._place_query = self.model.listing.query
        if self._place_query is None and len(self.model.listing):
            self._library_place = self._place

    def _reset(self) -> None:
        listing = self.model.listing
        place = self._place if listing.query == self._place_query else None
        if place is None and listing.query is None:
            place = self._library_place
        had = self.current
        row_of = listing.row_of
        self.selection.replace(row_of[i] for i in (place.selected if place else ()) if i in row_of)
        self.current = row_of.get(place.current, -1) if place and place.current is not None else -1
        self._anchor = self.current
        self._hover, self._band = -1, None
        self._fading.clear()
        self._relayout()
        if place is not None:
            self._scroll_back(place)
        else:
            self.verticalScrollBar().setValue(0)
        self.viewport().update()
        self.selection_changed.emit()
        if had != self.current:
            self.current_changed.emit(self.current)

    def _scroll_back(self, place: _Place) -> None:
        row = self.model.listing.row_of.get(place.top) if place.top is not None else None
        if row is None:
            if place.top is None:
                self.verticalScrollBar().setValue(0)
            return
        self.verticalScrollBar().setValue(self._layout.rect(row).y + place.top_offset)

    # Thumbnails

    def _scrolled(self) -> None:
        self._ask.start()
        bar = self.verticalScrollBar()
        if bar.isSliderDown() and self.model.listing.sections:
            section = self._layout.section_of(self._layout.first_at(bar.value()))
            self._date.setText(self.model.listing.sections[section].title)
            self._date.setStyleSheet(
                f"background: {theme.current().field.name()}; border: 1px solid {theme.current().line.name()};"
                " border-radius: 8px; padding: 6px 12px;"
            )
            self._date.adjustSize()
            share = bar.value() / max(1, bar.maximum())
            self._date.move(
                self.width() - bar.width() - self._date.width() - UNIT_PX,
                round(share * (self.height() - self._date.height())),
            )
            self._date.show()
        self.viewport().update()

    def _ask_thumbnails(self) -> None:
        if not self.isVisible():
            return
        top, page = self.verticalScrollBar().value(), self.viewport().height()
        shown = list(self._layout.visible(top, top + page))
        after = self._layout.visible(top + page, top + 2 * page)
        before = self._layout.visible(max(0, top - page // 2), top)
        ratio = self.devicePixelRatioF()
        sides = {tile: round(max(r.width, r.height) * ratio) for tile, r in chain(shown, after, before)}
        self._thumbnails.want(self._ids(list(sides)), side_px=list(sides.values()), shown=len(shown))

    def _thumbnail_loaded(self, photo_id: int, first: bool) -> None:
        row = self.model.listing.row_of.get(photo_id)
        if row is None:
            return
        rect = self.tile_rect(row)
        if rect.intersects(self.viewport().rect()):
            if first:
                self._fading[photo_id] = time.monotonic()
                self._fade.start()
            self.viewport().update(rect)

    def _fade_step(self) -> None:
        now = time.monotonic()
        for photo_id, since in list(self._fading.items()):
            row = self.model.listing.row_of.get(photo_id)
            if row is not None:
                self.viewport().update(self.tile_rect(row))
            if now - since > _FADE_SECONDS:
                del self._fading[photo_id]
        if not self._fading:
            self._fade.stop()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme.current()
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), colors.surround)
        draw = TilePainter(painter, colors, self.font(), self.devicePixelRatioF())
        scroll = self.verticalScrollBar().value()
        top, bottom = event.rect().top() + scroll - GAP_PX, event.rect().bottom() + 1 + scroll + GAP_PX
        listing, now = self.model.listing, time.monotonic()
        for heading in self._layout.headings(top, bottom):
            section = listing.sections[heading.section]
            box = QRect(heading.x + MARGIN_PX, heading.y - scroll, heading.width, HEADING_PX)
            draw.heading(box, section.title, section.count)
        marks = []
        for row, rect in self._layout.visible(top, bottom):
            box = self._to_view(rect)
            tile = listing.tiles[row]
            image = self._thumbnails.image(tile.photo_id)
            since = self._fading.get(tile.photo_id)
            opacity = 1.0 if since is None else min(1.0, (now - since) / _FADE_SECONDS)
            missing = image is None and self._thumbnails.is_missing(tile.photo_id)
            draw.photo(box, image, opacity=opacity, away=tile.away, missing=missing)
            if row == self._hover and self._band is None:
                draw.caption(box, self.model.caption(row))
            if row in self.selection or row == self.current:
                marks.append((row, box))
        for row, box in marks:
            current = row == self.current and self.hasFocus() and len(self.selection) != 1
            draw.ring(box, selected=row in self.selection, current=current)
        if self._band is not None:
            draw.band(self._to_view(self._band))
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        place = self._look()
        self._relayout()
        if event.size().width() != event.oldSize().width():
            self._scroll_back(place)

    def showEvent(self, event) -> None:
        super().showEvent(event)
        self._ask.start()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self.current < 0 and len(self.model.listing) and event.reason() in _KEYBOARD_REASONS:
            rows = self.visible_rows()
            self.go_to(rows[0] if rows else 0)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    # Selecting

    def go_to(self, row: int, *, extend: bool = False, keep: bool = False) -> None:
        """Make a row current and select it; ``extend`` selects from the anchor, ``keep`` leaves the selection alone."""
        if not 0 <= row < len(self.model.listing):
            return
        if extend and self._anchor >= 0:
            self.selection.set(self._anchor, row)
        elif not keep:
            self.selection.set(row, row)
            self._anchor = row
        changed = row != self.current
        self.current = row
        self.scroll_to(row)
        self.viewport().update()
        if changed:
            self.current_changed.emit(row)
            self._speak(row)
        self.selection_changed.emit()

    def select_all(self) -> None:
        if len(self.model.listing):
            self.selection.set(0, len(self.model.listing) - 1)
            self.viewport().update()
            self.selection_changed.emit()

    def clear_selection(self) -> None:
        self.selection.clear()
        self.viewport().update()
        self.selection_changed.emit()

    def selected_ids(self) -> list[int]:
        """Photo ids of the selection, or of the current row when nothing is selected."""
        rows = list(self.selection) or ([self.current] if self.current >= 0 else [])
        return self._ids(rows)

    def _speak(self, row: int) -> None:
        words = self.model.spoken(row)
        self.setAccessibleDescription(words)
        if QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

    def sizeHint(self) -> QSize:
        return QSize(1100, 700)


_KEYBOARD_REASONS = frozenset(
    {Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason,
     Qt.FocusReason.OtherFocusReason}
)  # fmt: skip
