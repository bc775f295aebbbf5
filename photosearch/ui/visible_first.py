"""Tells the library which photos are on screen while it indexes, so that they come first."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer

from photosearch.progress import Phase
from photosearch.ui.grid import PhotoGrid
from photosearch.ui.session import Session

_EVERY_MS = 500


class VisibleFirst(QObject):
    """Looks at most twice a second, and only while photos are read."""

    def __init__(self, session: Session, grid: PhotoGrid) -> None:
        super().__init__(grid)
        self._session, self._grid = session, grid
        self._told: list[int] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._tell)
        session.progressed.connect(self._soon)

    def _soon(self) -> None:
        if self._session.progress.phase is Phase.ENCODING and not self._timer.isActive():
            self._timer.start()

    def _tell(self) -> None:
        library, grid = self._session.library, self._grid
        shown = [grid.model.tile(row).photo_id for row in grid.visible_rows()] if grid.isVisible() else []
        if library is not None and shown != self._told:
            self._told = shown
            library.prefer(shown)
