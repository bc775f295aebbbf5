"""A calm strip under the search field for what needs an answer or should not vanish: never a dialog in the way."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from photosearch.ui import icons, theme
from photosearch.ui.theme import UNIT_PX


class NoticeBar(QFrame):
    """One notice at a time; the newest wins."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("noticeBar")
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.action = QPushButton()
        self._close = QToolButton()
        self._close.setIconSize(QSize(16, 16))
        self._close.setAccessibleName("Dismiss")
        self._close.setToolTip("Dismiss")
        self._then: Callable[[], None] | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(3 * UNIT_PX, UNIT_PX, 2 * UNIT_PX, UNIT_PX)
        row.setSpacing(2 * UNIT_PX)
        row.addWidget(self.text, 1)
        row.addWidget(self.action)
        row.addWidget(self._close)
        self.action.clicked.connect(self._act)
        self._close.clicked.connect(self.hide)
        theme.keeper().changed.connect(self._dress)
        self._dress()
        self.hide()

    def _dress(self) -> None:
        self._close.setIcon(icons.icon("close", theme.current().quiet))

    def show_notice(self, sentence: str, *, action: str = "", then: Callable[[], None] | None = None) -> None:
        """Show a sentence, and a button for ``then`` where ``action`` names one."""
        self.text.setText(sentence)
        self.action.setText(action)
        self.action.setVisible(bool(action))
        self._then = then
        self.show()

    def take_back(self, sentence: str) -> None:
        """Hide this sentence, if it is the one that is shown."""
        if self.text.text() == sentence:
            self.hide()

    def _act(self) -> None:
        self.hide()
        if self._then is not None:
            self._then()
