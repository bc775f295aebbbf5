"""The details panel: what is known of the current photo, and all the files that hold it, as plain text."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QToolButton, QVBoxLayout, QWidget

from photosearch.errors import display_path
from photosearch.records import FileState, Hit, Photo
from photosearch.ui import facts_text, icons, theme
from photosearch.ui.theme import UNIT_PX

WIDTH_PX = 38 * UNIT_PX
_LONGEST_TEXT = 2000
_PICTURE_PX = 28 * UNIT_PX
_TEXT_PX = 16 * UNIT_PX
"""Height that the picture leaves to the buttons and the text in a low window."""


def plain_label(text: str, *, quiet: bool = False) -> QLabel:
    """A label that never renders markup, whatever a file says of itself, and that can be copied from."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    label.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    label.setProperty("quiet", quiet)
    shown = text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
    label.setText(breakable(shown))
    return label


def breakable(text: str) -> str:
    """Long words (paths) may break after their separators, so that a label wraps them."""
    return "".join(c + "\u200b" if c in "/\\_-." else c for c in text)


class _Picture(QWidget):
    """The thumbnail at the panel's top, in its proportions."""

    def __init__(self) -> None:
        super().__init__()
        self._image: QImage | None = None
        self._room_px = _PICTURE_PX
        self.show_image(None)

    def show_image(self, image: QImage | None) -> None:
        self._image = image
        self._fit()
        self.update()

    def limit_height(self, room_px: int) -> None:
        """Be no higher than this."""
        self._room_px = max(0, room_px)
        self._fit()

    def _fit(self) -> None:
        high, image = min(_PICTURE_PX, self._room_px), self._image
        if image is not None and not image.isNull():
            high = min(high, WIDTH_PX * image.height() // max(1, image.width()))
        self.setFixedHeight(high)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.current().surround)
        if self._image is not None and not self._image.isNull():
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            size = self._image.size()
            size.scale(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            box = QRectF(0, 0, size.width(), size.height())
            box.moveCenter(QRectF(self.rect()).center())
            painter.drawImage(box, self._image)
        painter.end()


class Details(QFrame):
    """Shows a Photo; the buttons act on it."""

    open_wanted = Signal()
    show_wanted = Signal()
    similar_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("details")
        self.setFixedWidth(WIDTH_PX)
        self.setAccessibleName("Details of the photo")
        self._picture = _Picture()
        self._buttons: list[tuple[QToolButton, str]] = []
        actions = QHBoxLayout()
        actions.setContentsMargins(2 * UNIT_PX, UNIT_PX, 2 * UNIT_PX, 0)
        actions.setSpacing(UNIT_PX // 2)
        for icon, words, signal in (
            ("pictures", "Find similar photos", self.similar_wanted),
            ("picture", "Open", self.open_wanted),
            ("folder", "Show in the file manager", self.show_wanted),
        ):
            button = QToolButton()
            button.setIconSize(QSize(20, 20))
            button.setToolTip(words)
            button.setAccessibleName(words)
            button.clicked.connect(signal)
            actions.addWidget(button)
            self._buttons.append((button, icon))
        actions.addStretch()
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.viewport().setAutoFillBackground(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._picture)
        column.addLayout(actions)
        column.addWidget(self._scroll, 1)
        theme.keeper().changed.connect(self._dress)
        self._dress()
        self.show_nothing(0)

    def _dress(self) -> None:
        for button, icon in self._buttons:
            button.setIcon(icons.icon(icon, theme.current().text, disabled=theme.current().line))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._picture.limit_height(self.height() - _TEXT_PX)
        super().resizeEvent(event)

    def show_nothing(self, selected: int) -> None:
        """No photo, or several: say which."""
        words = f"{selected:,} photos selected" if selected > 1 else "Select a photo to see its details."
        self._fill([plain_label(words, quiet=True)])
        self._picture.hide()
        for button, _ in self._buttons:
            button.setEnabled(False)

    def show_photo(self, photo: Photo, image: QImage | None, hit: Hit | None = None) -> None:
        """The facts and places of a photo; with a hit also why it is an answer."""
        for button, _ in self._buttons:
            button.setEnabled(True)
        self._picture.show()
        self._picture.show_image(image)
        name = plain_label(display_path(photo.path.name) if photo.places else "Photo")
        font = name.font()
        font.setWeight(font.Weight.DemiBold)
        font.setPointSizeF(font.pointSizeF() * 1.1)
        name.setFont(font)
        widgets: list[QWidget | int] = [name, UNIT_PX]
        if hit is not None:
            widgets += [plain_label("Match", quiet=True), plain_label(f"{hit.strength:.0%}"), UNIT_PX]
        for label, value in facts_text.lines(photo):
            widgets += [plain_label(label, quiet=True), plain_label(value), UNIT_PX]
        count = len(photo.places)
        widgets.append(plain_label("File" if count == 1 else f"In {count} files", quiet=True))
        for place in photo.places:
            away = "\nnot connected" if place.state is FileState.AWAY else ""
            widgets += [plain_label(display_path(place.path) + away), UNIT_PX // 2]
        self._fill(widgets)

    def show_image(self, image: QImage) -> None:
        self._picture.show_image(image)

    def texts(self) -> list[str]:
        """All the panel says, for tests and for copying."""
        return [label.text().replace("\u200b", "") for label in self._scroll.widget().findChildren(QLabel)]

    def _fill(self, widgets: list[QWidget | int]) -> None:
        page = QWidget()
        page.setObjectName("detailsPage")
        column = QVBoxLayout(page)
        column.setContentsMargins(2 * UNIT_PX, int(1.5 * UNIT_PX), 2 * UNIT_PX, 2 * UNIT_PX)
        column.setSpacing(2)
        for widget in widgets:
            if isinstance(widget, int):
                column.addSpacing(widget)
            else:
                column.addWidget(widget)
        column.addStretch()
        self._scroll.setWidget(page)
