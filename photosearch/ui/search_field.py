"""The search field: words, and the pictures to search by as chips that can be taken out again."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QImage, QKeyEvent, QKeySequence, QPainter, QPainterPath, QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QToolButton, QWidget

from photosearch.ui import drops, icons, theme
from photosearch.ui.session import QueryPicture
from photosearch.ui.theme import UNIT_PX

CHIP_PX = 28
_MOST_CHIPS_SHOWN = 6


class _Words(QLineEdit):
    """A line edit that lets pictures on the clipboard pass to the window."""

    picture_pasted = Signal()
    left_downwards = Signal()
    stepped_back = Signal()
    chip_removed = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Paste) and drops.offers_picture(
            QGuiApplication.clipboard().mimeData()
        ):
            self.picture_pasted.emit()
        elif event.key() in (Qt.Key.Key_Down, Qt.Key.Key_PageDown):
            self.left_downwards.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.stepped_back.emit()
        elif event.key() == Qt.Key.Key_Backspace and not self.text():
            self.chip_removed.emit()
        else:
            super().keyPressEvent(event)


class Chip(QFrame):
    """One query picture: its tiny image, and a button to take it out."""

    removed = Signal()

    def __init__(self, picture: QueryPicture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chip")
        self.picture = picture
        self._image = QLabel()
        self._image.setFixedSize(CHIP_PX, CHIP_PX)
        self._image.setToolTip("")
        self.setAccessibleName(f"Picture to search by: {picture.name}")
        remove = QToolButton()
        remove.setProperty("small", True)
        remove.setIcon(icons.icon("close", theme.current().quiet))
        remove.setIconSize(QSize(14, 14))
        remove.setAccessibleName(f"Take {picture.name} out of the search")
        remove.setToolTip("Remove this picture")
        remove.clicked.connect(self.removed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 4, 0)
        row.setSpacing(2)
        row.addWidget(self._image)
        row.addWidget(remove)
        self.show_image(QImage())

    def show_image(self, image: QImage) -> None:
        """Round the tiny picture off; a null image leaves the sign for a picture."""
        ratio = self.devicePixelRatioF()
        side = round(CHIP_PX * ratio)
        if image.isNull():
            drawn = QPixmap(side, side)
            drawn.fill(Qt.GlobalColor.transparent)
            painter = QPainter(drawn)
            inner = round(18 * ratio)
            painter.drawPixmap(
                (side - inner) // 2, (side - inner) // 2, icons.pixmap("picture", theme.current().quiet, side=inner)
            )
        else:
            drawn = QPixmap(side, side)
            drawn.fill(Qt.GlobalColor.transparent)
            painter = QPainter(drawn)
            painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
            path = QPainterPath()
            path.addEllipse(QRectF(0, 0, side, side))
            painter.setClipPath(path)
            short = min(image.width(), image.height())
            part = QRectF((image.width() - short) / 2, (image.height() - short) / 2, short, short)
            painter.drawImage(QRectF(0, 0, side, side), image, part)
        painter.end()
        drawn.setDevicePixelRatio(ratio)
        self._image.setPixmap(drawn)


class SearchField(QFrame):
    """Tells of every change; shows what it is told. The text is the session's to keep."""

    words_changed = Signal(str)
    entered = Signal()
    chip_removed = Signal(int)
    cleared = Signal()
    picture_pasted = Signal()
    left_downwards = Signal()
    stepped_back = Signal()
    chip_shown = Signal(object)
    """A Chip that wants its tiny image."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("searchField")
        self.setFixedHeight(5 * UNIT_PX)
        self.chips: list[Chip] = []
        self._sign = QLabel()
        self._sign.setFixedSize(20, 20)
        self._chips = QHBoxLayout()
        self._chips.setSpacing(UNIT_PX // 2)
        self._more = QLabel()
        self._more.setProperty("quiet", True)
        self.words = _Words()
        self.words.setAcceptDrops(False)  # the window takes drops, so that a picture on the field is no path in it
        self.words.setMaxLength(500)
        self.words.setFrame(False)
        self.words.setPlaceholderText("Search your photos, or drop a picture")
        self.words.setAccessibleName("Search your photos")
        self._clear = QToolButton()
        self._clear.setProperty("small", True)
        self._clear.setIconSize(QSize(18, 18))
        self._clear.setToolTip("Clear the search (Esc)")
        self._clear.setAccessibleName("Clear the search")
        self._clear.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 8, 0)
        row.setSpacing(UNIT_PX)
        row.addWidget(self._sign)
        row.addLayout(self._chips)
        row.addWidget(self._more)
        row.addWidget(self.words, 1)
        row.addWidget(self._clear)
        self._more.hide()
        font = self.words.font()
        font.setPointSizeF(font.pointSizeF() * 1.1)
        self.words.setFont(font)
        self.words.textChanged.connect(self._text_changed)
        self.words.returnPressed.connect(self.entered)
        self.words.picture_pasted.connect(self.picture_pasted)
        self.words.left_downwards.connect(self.left_downwards)
        self.words.stepped_back.connect(self.stepped_back)
        self.words.chip_removed.connect(self._remove_last)
        self._clear.clicked.connect(self.cleared)
        self.words.installEventFilter(self)
        self.setFocusProxy(self.words)
        theme.keeper().changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        colors = theme.current()
        self._sign.setPixmap(icons.pixmap("search", colors.quiet, side=20, ratio=self.devicePixelRatioF()))
        self._clear.setIcon(icons.icon("close", colors.quiet))

    def show_query(self, words: str, pictures: Sequence[QueryPicture]) -> None:
        """Show this query, without telling of it."""
        if self.words.text() != words:
            self.words.blockSignals(True)
            self.words.setText(words)
            self.words.blockSignals(False)
        if [chip.picture for chip in self.chips] != list(pictures):
            self._show_chips(pictures)
        self._clear.setVisible(bool(words or pictures))
        self.words.setPlaceholderText("Add words, if you like" if pictures else "Search your photos, or drop a picture")

    def _show_chips(self, pictures: Sequence[QueryPicture]) -> None:
        for chip in self.chips:
            self._chips.removeWidget(chip)
            chip.deleteLater()
        self.chips = []
        for at, picture in enumerate(pictures):
            chip = Chip(picture, self)
            chip.setToolTip(f"<qt>{escape(picture.name)}</qt>")  # a tool tip would take a name with tags for markup
            chip.removed.connect(lambda at=at: self.chip_removed.emit(at))
            self.chips.append(chip)
            if at < _MOST_CHIPS_SHOWN:
                self._chips.addWidget(chip)
            else:
                chip.hide()
            self.chip_shown.emit(chip)
        hidden = len(pictures) - _MOST_CHIPS_SHOWN
        self._more.setText(f"+{hidden}")
        self._more.setVisible(hidden > 0)

    def _text_changed(self, text: str) -> None:
        self._clear.setVisible(bool(text or self.chips))
        self.words_changed.emit(text)

    def _remove_last(self) -> None:
        if self.chips:
            self.chip_removed.emit(len(self.chips) - 1)

    def eventFilter(self, watched, event: QEvent) -> bool:
        if watched is self.words and event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.setProperty("focused", event.type() == QEvent.Type.FocusIn)
            self.style().unpolish(self)
            self.style().polish(self)
        return super().eventFilter(watched, event)
