"""The line at the bottom: what is shown, what the indexer does, what went wrong, and how large the tiles are."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QSlider, QToolButton, QWidget

from photosearch.account import account_text
from photosearch.progress import Phase, Progress, rate_text, time_left_text
from photosearch.records import Status
from photosearch.ui import icons, theme
from photosearch.ui.listing import Listing
from photosearch.ui.theme import UNIT_PX

TILE_PX_RANGE = (80, 420)
_NOTICE_MS = 6000
_WORDS_FROM_PX, _SLIDER_FROM_PX = 112 * UNIT_PX, 80 * UNIT_PX
"""Narrower, the problems are told as a number alone; and narrower still, the thumbnails' slider gives way."""
_LEAST_SECONDS = 0.01
"""A search that took less is told as this: nothing takes 0.00 s."""


def photos_text(count: int) -> str:
    return "1 photo" if count == 1 else f"{count:,} photos"


def counts_text(listing: Listing, searched: int) -> str:
    """What is in front of the user: the library's photos, or how many of them answer the query."""
    if listing.query is None:
        return photos_text(len(listing))
    of = f" of {photos_text(searched)}" if searched else ""
    good = "No good match · " if len(listing) and not listing.best else ""
    return f"{good}{len(listing):,}{of} · {max(listing.seconds, _LEAST_SECONDS):.2f} s"


def progress_text(progress: Progress, *, paused: bool) -> str:
    """What the indexer is doing, in words; nothing when it rests."""
    share = f"{progress.done:,} of {progress.total:,}"
    if progress.phase is Phase.IDLE:
        return "Indexing is paused" if paused else ""
    if paused or progress.phase is Phase.PAUSED:
        return f"Paused · {share}" if progress.total else "Indexing is paused"
    if progress.phase is Phase.ON_BATTERY:
        return f"Waiting for mains power · {share}"
    if progress.phase is Phase.SCANNING:
        return f"Looking for photos · {progress.found:,} found" if progress.found else "Looking for photos…"
    if progress.phase is Phase.LOADING:
        return "Loading the model…"
    parts = (f"Indexing {share}", rate_text(progress.photos_per_second), time_left_text(progress.seconds_left))
    return " · ".join(part for part in parts if part)


class _Words(QLabel):
    """One line of text that ends in "…" where it has too little room, and never widens the window."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAccessibleName(name)

    def minimumSizeHint(self) -> QSize:
        return QSize(6 * UNIT_PX, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        room = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        self.style().drawItemText(
            QPainter(self), room, self.alignment(), self.palette(), self.isEnabled(), text, self.foregroundRole()
        )


class StatusLine(QFrame):
    """Shows what it is told; ``tile_px_changed`` follows the slider."""

    pause_wanted = Signal()
    problems_wanted = Signal()
    tile_px_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("statusLine")
        self.setFixedHeight(5 * UNIT_PX)
        self._counts = _Words("What is shown")
        self._problems = QToolButton()
        self._problems.setProperty("link", True)
        self._problems.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._problems.setIconSize(QSize(16, 16))
        self._progress = _Words("Indexing")
        self._progress.setProperty("quiet", True)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(12 * UNIT_PX)
        self._bar.setAccessibleName("Share of the photos that are indexed")
        self._pause = QToolButton()
        self._pause.setIconSize(QSize(18, 18))
        self._pause.setProperty("small", True)
        self._small, self._large = QLabel(), QLabel()
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(*TILE_PX_RANGE)
        self._slider.setPageStep(40)
        self._slider.setSingleStep(10)
        self._slider.setFixedWidth(13 * UNIT_PX)
        self._slider.setAccessibleName("Size of the thumbnails")
        self._slider.setToolTip("Size of the thumbnails (Ctrl and the mouse wheel)")
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * UNIT_PX, 0, 2 * UNIT_PX, 0)
        row.setSpacing(UNIT_PX)
        row.addWidget(self._counts, 1)
        for widget in (self._problems, self._progress, self._bar, self._pause):
            row.addWidget(widget)
            widget.hide()
        row.addSpacing(UNIT_PX)
        for part in (self._small, self._slider, self._large):
            row.addWidget(part)
        self._text, self._account, self._paused, self._problem_count = "", "", False, 0
        self._notice_over = QTimer(self)
        self._notice_over.setSingleShot(True)
        self._notice_over.timeout.connect(self._end_notice)
        self._pause.clicked.connect(self.pause_wanted)
        self._problems.clicked.connect(self.problems_wanted)
        self._slider.valueChanged.connect(self.tile_px_changed)
        theme.keeper().changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        colors, ratio = theme.current(), self.devicePixelRatioF()
        self._problems.setIcon(icons.icon("warning", colors.warning))
        self._small.setPixmap(icons.pixmap("tiles-small", colors.quiet, side=18, ratio=ratio))
        self._large.setPixmap(icons.pixmap("tiles-large", colors.quiet, side=18, ratio=ratio))
        self._show_pause()

    def show_counts(self, text: str) -> None:
        self._text = text
        if not self._notice_over.isActive():
            self._counts.setText(text)

    def notice(self, sentence: str) -> None:
        """Show a sentence for a few seconds in place of the counts."""
        self._counts.setText(sentence)
        self._counts.setToolTip(sentence)
        self._notice_over.start(_NOTICE_MS)

    def _end_notice(self) -> None:
        self._counts.setText(self._text)
        self._counts.setToolTip(self._account)

    def show_account(self, status: Status) -> None:
        """How many files have problems; the whole account is under the mouse."""
        self._problem_count, account = status.problems, account_text(status.account)
        self._show_problems()
        self._problems.setToolTip(f"{account} Click to see which, and why.")
        self._account = account
        if not self._notice_over.isActive():
            self._counts.setToolTip(account)

    def _show_problems(self) -> None:
        count = self._problem_count
        words = "1 file has a problem" if count == 1 else f"{count:,} files have problems"
        self._problems.setVisible(count > 0)
        self._problems.setText(words if self.width() >= _WORDS_FROM_PX else f"{count:,}")
        self._problems.setAccessibleName(words)

    def resizeEvent(self, _event: QResizeEvent) -> None:
        for part in (self._small, self._slider, self._large):
            part.setVisible(self.width() >= _SLIDER_FROM_PX)
        self._show_problems()

    def show_progress(self, progress: Progress, *, paused: bool) -> None:
        text = progress_text(progress, paused=paused)
        self._progress.setText(text)
        self._progress.setToolTip(text)
        self._progress.setVisible(bool(text))
        self._pause.setVisible(bool(text))
        counting = (
            bool(text) and progress.total > 0 and progress.phase in (Phase.ENCODING, Phase.PAUSED, Phase.ON_BATTERY)
        )
        self._bar.setVisible(counting)
        if counting:
            self._bar.setRange(0, progress.total)
            self._bar.setValue(min(progress.done, progress.total))
        if paused != self._paused:  # not a dozen times a second, as progress comes
            self._paused = paused
            self._show_pause()

    def _show_pause(self) -> None:
        self._pause.setIcon(icons.icon("play" if self._paused else "pause", theme.current().text))
        words = "Resume indexing" if self._paused else "Pause indexing"
        self._pause.setToolTip(words)
        self._pause.setAccessibleName(words)

    @property
    def text(self) -> str:
        return self._counts.text()

    def set_tile_px(self, tile_px: int) -> None:
        """Move the slider; tells of it when that changes something."""
        self._slider.setValue(tile_px)

    def step_tile_px(self, steps: int) -> None:
        self._slider.setValue(self._slider.value() + 24 * steps)
