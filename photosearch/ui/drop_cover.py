"""The cover that welcomes a drag over the window."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from photosearch.ui import icons, theme
from photosearch.ui.theme import UNIT_PX


class DropCover(QWidget):
    """Lies over its parent and lets every event through."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._words = ""
        self.hide()

    def show_words(self, words: str) -> None:
        self._words = words
        self.setGeometry(self.parentWidget().rect())
        self.show()
        self.raise_()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = QColor(colors.surround)
        veil.setAlpha(225)
        painter.fillRect(event.rect(), veil)
        painter.setPen(QPen(colors.accent, 2, Qt.PenStyle.DashLine))
        inset = 2 * UNIT_PX
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), 16, 16)
        side = 6 * UNIT_PX
        middle = self.rect().center()
        drawn = icons.pixmap("pictures", colors.accent, side=side, ratio=self.devicePixelRatioF())
        painter.drawPixmap(middle - QPoint(side // 2, side), drawn)
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 1.4)
        font.setWeight(font.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(colors.text)
        words = self.rect().adjusted(0, middle.y() + 2 * UNIT_PX, 0, 0)
        painter.drawText(words, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop), self._words)
        painter.end()
