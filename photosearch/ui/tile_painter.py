"""Paints one tile or heading of the grid. Photos come first: no frames, marks only where they say something."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QLinearGradient, QPainter, QPen

from photosearch.ui import icons
from photosearch.ui.theme import UNIT_PX, Theme

HEADING_PX = 7 * UNIT_PX
_RING_PX = 3
_CAPTION_PX = 4 * UNIT_PX
_AWAY_OPACITY = 0.4


def cover(image: QImage, target: QRect) -> QRectF:
    """The part of ``image`` with the proportions of ``target``, from its middle."""
    width, height = image.width(), image.height()
    if width * target.height() > height * target.width():
        part = height * target.width() / max(1, target.height())
        return QRectF((width - part) / 2, 0, part, height)
    part = width * target.height() / max(1, target.width())
    return QRectF(0, (height - part) / 2, width, part)


class TilePainter:
    """Made for one paint event."""

    def __init__(self, painter: QPainter, theme: Theme, font: QFont, ratio: float) -> None:
        self._painter, self._theme, self._font, self._ratio = painter, theme, font, ratio
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)

    def photo(self, rect: QRect, image: QImage | None, *, opacity: float, away: bool, missing: bool) -> None:
        """The thumbnail, or its blank place; ``opacity`` while it fades in."""
        painter = self._painter
        if image is None or opacity < 1 or away:
            painter.fillRect(rect, self._theme.blank)
        if image is not None:
            painter.setOpacity(opacity * (_AWAY_OPACITY if away else 1.0))
            painter.drawImage(QRectF(rect), image, cover(image, rect))
            painter.setOpacity(1.0)
        elif missing:
            side = 24
            drawn = icons.pixmap("picture", self._theme.quiet, side=side, ratio=self._ratio)
            painter.drawPixmap(rect.center() - QPoint(side // 2, side // 2), drawn)
        if away:
            self._badge(rect)

    def _badge(self, rect: QRect) -> None:
        side = 3 * UNIT_PX
        box = QRect(rect.left() + UNIT_PX, rect.bottom() - side - UNIT_PX + 1, side, side)
        painter = self._painter
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 160))
        painter.drawEllipse(box)
        inner = box.adjusted(4, 4, -4, -4)
        painter.drawPixmap(
            inner.topLeft(), icons.pixmap("away", QColor("#ffffff"), side=inner.width(), ratio=self._ratio)
        )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def ring(self, rect: QRect, *, selected: bool, current: bool) -> None:
        """Around the tile, in the gutter: the accent when selected, a thin line for the keyboard's place."""
        if not (selected or current):
            return
        painter = self._painter
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if selected:
            painter.setPen(QPen(self._theme.accent, _RING_PX))
            inset = _RING_PX / 2
        else:
            painter.setPen(QPen(self._theme.text, 1.5))
            inset = 2.0
        painter.drawRoundedRect(QRectF(rect).adjusted(-inset, -inset, inset, inset), 2, 2)
        if selected and current:
            painter.setPen(QPen(self._theme.surround, 1.5))
            painter.drawRect(QRectF(rect).adjusted(1, 1, -1, -1))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def caption(self, rect: QRect, text: str) -> None:
        """Name and day over the lower edge, for the tile under the mouse."""
        if not text or rect.width() < 64:
            return
        painter = self._painter
        band = QRect(rect.left(), rect.bottom() - _CAPTION_PX - UNIT_PX + 1, rect.width(), _CAPTION_PX + UNIT_PX)
        fade = QLinearGradient(band.topLeft(), band.bottomLeft())
        fade.setColorAt(0, QColor(0, 0, 0, 0))
        fade.setColorAt(1, QColor(0, 0, 0, 190))
        painter.fillRect(band, fade)
        small = QFont(self._font)
        small.setPointSizeF(max(7.0, small.pointSizeF() * 0.9))
        painter.setFont(small)
        painter.setPen(QColor("#ffffff"))
        inner = band.adjusted(UNIT_PX, 0, -UNIT_PX, -UNIT_PX // 2)
        elided = QFontMetrics(small).elidedText(text, Qt.TextElideMode.ElideMiddle, inner.width())
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom | Qt.TextFlag.TextSingleLine
        painter.drawText(inner, int(flags), elided)

    def heading(self, rect: QRect, title: str, count: int) -> None:
        """A section's title and, quietly, how many photos it holds."""
        painter = self._painter
        bold = QFont(self._font)
        bold.setPointSizeF(bold.pointSizeF() * 1.15)
        bold.setWeight(QFont.Weight.DemiBold)
        painter.setFont(bold)
        painter.setPen(self._theme.text)
        base = rect.adjusted(0, 0, 0, -int(1.5 * UNIT_PX))
        flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
        painter.drawText(base, flags, title)
        title_width = QFontMetrics(bold).horizontalAdvance(title)
        painter.setFont(self._font)
        painter.setPen(self._theme.quiet)
        painter.drawText(base.adjusted(title_width + int(1.5 * UNIT_PX), 0, 0, 0), flags, f"{count:,}")

    def band(self, rect: QRect) -> None:
        """The rubber band."""
        fill = QColor(self._theme.accent)
        fill.setAlpha(48)
        self._painter.fillRect(rect, fill)
        self._painter.setPen(self._theme.accent)
        self._painter.drawRect(rect.adjusted(0, 0, -1, -1))
