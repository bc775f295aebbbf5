"""Downloading a model: how far it is, a way to stop it, and the library opened anew when it is here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from photosearch.errors import Cancelled
from photosearch.ui.session import Session, sentence_of
from photosearch.ui.theme import UNIT_PX

_WIDTH_PX = 64 * UNIT_PX
_STEPS = 1000
_MEGABYTE = 1_000_000


class ModelDownload:
    """A download by the model's name, whose engine is loaded where it runs: not on the GUI thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._cancelled = False
        self._download: Any = None

    def run(self, say: Callable[[Any], None]) -> object:
        """``say`` hears how far it is (``model.Fetched``). Raises ModelUnavailable, Cancelled."""
        from photosearch import model

        with self._lock:
            if self._cancelled:
                raise Cancelled()
            self._download = model.Download(model.resolve(self._name))
        return self._download.run(say)

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
        if self._download is not None:
            self._download.cancel()


def amount_text(done: int, total: int) -> str:
    """``120 of 605 MB``; nothing while it is not known how much it is."""
    return f"{done / _MEGABYTE:,.0f} of {total / _MEGABYTE:,.0f} MB" if total else ""


class DownloadDialog(QDialog):
    """Not modal: one searches and indexes meanwhile. Closing it stops the download."""

    _said = Signal(object, object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._running: ModelDownload | None = None
        self.name = ""
        self.setWindowTitle("Download a model")
        self.setFixedWidth(_WIDTH_PX)
        self.about, self.amount = self._label(), self._label()
        self.amount.setProperty("quiet", True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("How much of the model is here")
        self.again = QPushButton("Try again")
        self.again.setProperty("primary", True)
        self.leave = QPushButton()
        self.again.clicked.connect(lambda: self.begin(self.name))
        self.leave.clicked.connect(self.reject)
        row = QHBoxLayout()
        row.setSpacing(UNIT_PX)
        row.addStretch()
        row.addWidget(self.leave)
        row.addWidget(self.again)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * UNIT_PX, 3 * UNIT_PX, 3 * UNIT_PX, 2 * UNIT_PX)
        column.setSpacing(int(1.5 * UNIT_PX))
        for part in (self.about, self.bar, self.amount):
            column.addWidget(part)
        column.addStretch()
        column.addLayout(row)
        self._said.connect(self._show_said)
        session.state_changed.connect(lambda: self.stop() if session.is_closed else None)

    def _label(self) -> QLabel:
        label = QLabel()
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        return label

    @property
    def busy(self) -> bool:
        return self._running is not None

    def begin(self, name: str) -> None:
        """Download this model, unless one is under way."""
        if self.busy:
            return
        self.name = name
        self.about.setText(
            f"{name} is downloaded from its publisher, once. Nothing of you or your photos is sent, and you can go on"
            " searching meanwhile."
        )
        self.amount.setText("Asking for it…")
        self._offer(running=True)
        download = self._running = ModelDownload(name)

        def say(said: object) -> None:
            try:
                self._said.emit(download, said)
            except RuntimeError:  # the window is gone already
                pass

        self._session.workers.downloads.start(lambda: download.run(say), lambda outcome: self._ended(download, outcome))

    def _offer(self, *, running: bool) -> None:
        self.bar.setRange(0, 0)
        self.bar.setVisible(running)
        self.again.setVisible(not running)
        self.leave.setText("Stop" if running else "Close")
        self.adjustSize()

    def _show_said(self, download: ModelDownload, said: Any) -> None:
        if download is not self._running or not getattr(said, "total", 0):
            return
        whole = said.done >= said.total
        self.bar.setRange(0, 0 if whole else _STEPS)
        self.bar.setValue(said.done * _STEPS // said.total)
        self.amount.setText("Looking whether it works…" if whole else amount_text(said.done, said.total))

    def _ended(self, download: ModelDownload, outcome: object) -> None:
        if download is not self._running:
            return
        self._running = None
        if isinstance(outcome, Exception):
            self.about.setText(sentence_of(outcome))
            self.amount.clear()
            self._offer(running=False)
            return
        self.close()
        self._session.noticed.emit(f"{self.name} is on this computer now.")
        self._session.open()

    def stop(self) -> None:
        """Stop what is under way, and do not wait for it."""
        download, self._running = self._running, None
        if download is not None:
            self._session.workers.downloads.start(download.cancel, lambda _outcome: None)

    def reject(self) -> None:
        """Escape, the button and the window's own way to close it."""
        self.stop()
        super().reject()
