"""The pages shown where there are no photos to show: welcome, empty folder, nothing found, and errors.

Each says what is so, why, and what to do next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from photosearch.ui import icons, theme
from photosearch.ui.theme import UNIT_PX

_TEXT_WIDTH_PX = 60 * UNIT_PX
APP_ICON = "photosearch"


@dataclass(frozen=True, slots=True)
class Choice:
    """A button of a page."""

    text: str
    act: Callable[[], None]
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says. ``icon`` names one of ours; all words are plain text."""

    icon: str
    title: str
    text: str
    choices: Sequence[Choice] = ()
    small_print: str = ""


class PageView(QWidget):
    """Shows one page, in the middle."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Window)
        self.page: Page | None = None
        self.buttons: list[QPushButton] = []
        self._icon = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.title = self._label(scale=1.6, bold=True)
        self.text = self._label(scale=1.05)
        self.small_print = self._label(scale=0.95)
        self.text.setProperty("quiet", True)
        self.small_print.setProperty("quiet", True)
        self._row = QHBoxLayout()
        self._row.setSpacing(int(1.5 * UNIT_PX))
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addStretch(3)
        for widget, space in ((self._icon, 3), (self.title, 1.5), (self.text, 3)):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
            column.addSpacing(int(space * UNIT_PX))
        column.addLayout(self._row)
        column.addSpacing(3 * UNIT_PX)
        column.addWidget(self.small_print, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(4)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(3 * UNIT_PX, 3 * UNIT_PX, 3 * UNIT_PX, 3 * UNIT_PX)
        outer.addLayout(column)
        theme.keeper().changed.connect(self._dress)

    def _label(self, *, scale: float, bold: bool = False) -> QLabel:
        label = QLabel(alignment=Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        font = label.font()
        font.setPointSizeF(font.pointSizeF() * scale)
        if bold:
            font.setWeight(font.Weight.DemiBold)
        label.setFont(font)
        return label

    def show_page(self, page: Page) -> None:
        """Show ``page``; the same page again changes nothing, so that a focused button stays focused."""
        same_buttons = self.page is not None and [c.text for c in self.page.choices] == [c.text for c in page.choices]
        self.page = page
        self.title.setText(page.title)
        self.text.setText(page.text)
        self.text.setVisible(bool(page.text))
        self.small_print.setText(page.small_print)
        self.small_print.setVisible(bool(page.small_print))
        if not same_buttons:
            self._show_buttons(page.choices)
        self._dress()
        self._fit()

    def _show_buttons(self, choices: Sequence[Choice]) -> None:
        while self._row.count():
            self._row.takeAt(0)
        for button in self.buttons:
            button.deleteLater()
        self.buttons = []
        self._row.addStretch()
        for at, choice in enumerate(choices):
            button = QPushButton(choice.text.replace("&", "&&"))
            button.setProperty("primary", choice.primary)
            button.clicked.connect(lambda _checked=False, at=at: self.page.choices[at].act())
            self._row.addWidget(button)
            self.buttons.append(button)
        self._row.addStretch()

    def _dress(self) -> None:
        if self.page is None:
            return
        ratio = self.devicePixelRatioF()
        if self.page.icon == APP_ICON:
            self._icon.setPixmap(icons.app_pixmap(12 * UNIT_PX, ratio))
        else:
            self._icon.setPixmap(icons.pixmap(self.page.icon, theme.current().quiet, side=7 * UNIT_PX, ratio=ratio))

    def _fit(self) -> None:
        width = max(200, min(_TEXT_WIDTH_PX, self.width() - 6 * UNIT_PX))
        for label in (self.title, self.text, self.small_print):
            label.setFixedSize(width, max(0, label.heightForWidth(width)))

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self._fit()
