"""Runs the real program with its arguments, and writes down what its window shows, for the tests to read.

Started as a script: ``python witness.py STATE_FILE ARGUMENTS…``. It only looks; whatever is done to the window is done
from outside. Imports nothing heavy at the top, for the program's child processes import this file again.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

_LOOK_MS = 25


class Witness:
    """Looks at a window again and again, and writes down what changed. ``encoded``: pictures the model looked at."""

    def __init__(self, window, file: Path, encoded: list[int]) -> None:
        from PySide6.QtCore import QTimer

        self._window, self._file, self._encoded = window, file, encoded
        self._written: dict = {}
        self._listing: object = None
        self._rows: list[str | None] = []
        # A file may move without another listing: it is the same photo.
        window.session.status_changed.connect(self._forget_rows)
        self._timer = QTimer(window)
        self._timer.timeout.connect(self._look)
        self._timer.start(_LOOK_MS)

    def _look(self) -> None:
        from photosearch.ui.session import State

        if self._window.session.state is State.CLOSED:
            self._timer.stop()
            return
        try:
            seen = self._seen()
        except Exception:  # the program would carry on without its witness
            traceback.print_exc()
            os._exit(70)
        if seen != self._written:
            self._written = seen
            beside = self._file.with_suffix(".new")
            beside.write_text(json.dumps(seen), encoding="ascii")
            beside.replace(self._file)

    def _forget_rows(self) -> None:
        self._listing = None

    def _seen(self) -> dict:
        from PySide6.QtWidgets import QApplication

        window, session, grid = self._window, self._window.session, self._window.grid
        grid_shown = window.stack.currentWidget() is grid
        rows = self._paths()
        status = session.status
        return {
            "window": int(window.winId()),
            "visible": window.isVisible(),
            "active": window.isActiveWindow(),
            "full_screen": window.isFullScreen(),
            "title": window.windowTitle(),
            "place": self._box(window),
            "state": session.state.name,
            "phase": session.progress.phase.name,
            "searching": session.searching,
            "folders": [str(folder.path) for folder in status.folders] if status else [],
            "searchable": status.searchable if status else 0,
            "pending": status.pending if status else 0,
            "encoded": self._encoded[0],
            "words": session.words,
            "field": window.search.words.text(),
            "field_focused": window.search.words.hasFocus(),
            "chips": [chip.picture.name for chip in window.search.chips],
            "answered": session.listing.query is not None,
            "rows": rows,
            "away": sum(tile.away for tile in window.model.listing.tiles),
            "strengths": [hit.strength for hit in session.listing.hits],
            "sections": [[s.title, s.start, s.count] for s in window.model.listing.sections],
            "grid": grid_shown and grid.isVisible(),
            "grid_focused": grid.hasFocus(),
            "current": grid.current,
            "selected": len(grid.selection),
            "tile_px": grid.tile_px,
            "tiles": self._tiles() if grid_shown else {},
            "painted": self._painted() if grid_shown else [],
            "page": None if grid_shown else self._page(),
            "notice": self._notice(),
            "status": window.status.text,
            "progress": window.status._progress.text(),
            "problems": window.status._problems.text() if window.status._problems.isVisible() else "",
            "preview": self._preview(),
            "details": self._details(),
            "cover": window.intake._cover.isVisible(),
            "dialogs": [w.windowTitle() for w in QApplication.topLevelWidgets() if w.isVisible() and w is not window],
            "boxes": self._boxes(),
            "markup": self._markup(),
        }

    def _paths(self) -> list[str | None]:
        """The file of each row. Asked of the library, for the window itself asks only for what is pointed at."""
        listing, library = self._window.model.listing, self._window.session.library
        if library is None:
            return []
        if listing is not self._listing:
            self._listing, self._rows = listing, []
            for row, tile in enumerate(listing.tiles):
                try:
                    path = listing.hits[row].path if listing.hits else library.photo(tile.photo_id).path
                except (KeyError, IndexError):  # it went a moment ago; the next listing is without it
                    path = None
                self._rows.append(str(path) if path else None)
        return self._rows

    def _box(self, widget) -> list[int]:
        """x, y, width, height on the screen."""
        from PySide6.QtCore import QPoint

        corner = widget.mapToGlobal(QPoint(0, 0))
        return [corner.x(), corner.y(), widget.width(), widget.height()]

    def _tiles(self) -> dict[int, list[int]]:
        grid = self._window.grid
        x, y, _, _ = self._box(grid.viewport())
        found = {}
        for row in grid.visible_rows():
            rect = grid.tile_rect(row)
            found[row] = [x + rect.x(), y + rect.y(), rect.width(), rect.height()]
        return found

    def _painted(self) -> list[int]:
        """Rows in sight whose thumbnail is there."""
        window = self._window
        return [
            row
            for row in window.grid.visible_rows()
            if window.thumbnails.image(window.model.tile(row).photo_id) is not None
        ]

    def _page(self) -> dict:
        page = self._window.page
        return {
            "title": page.title.text(),
            "text": page.text.text(),
            "small_print": page.small_print.text(),
            "buttons": {button.text(): self._box(button) for button in page.buttons},
        }

    def _notice(self) -> dict | None:
        notice = self._window.notice
        if not notice.isVisible():
            return None
        action = self._box(notice.action) if notice.action.isVisible() else None
        return {"text": notice.text.text(), "button": notice.action.text() if action else "", "at": action}

    def _preview(self) -> dict | None:
        preview = self._window.preview
        if not preview.isVisible():
            return None
        return {"row": preview.row, "full": preview.shows_full, "note": preview.note}

    def _details(self) -> list[str] | None:
        """The words of the panel, without the invisible places where long ones may break."""
        details = self._window.details
        return [text.replace("\u200b", "") for text in details.texts()] if details.isVisible() else None

    def _markup(self) -> list[str]:
        """Words in sight that Qt takes for markup."""
        from PySide6.QtGui import Qt  # this one has mightBeRichText; the Qt of QtCore has not
        from PySide6.QtWidgets import QApplication, QLabel

        labels = [w for w in QApplication.allWidgets() if isinstance(w, QLabel) and w.isVisible()]
        return [
            label.text()
            for label in labels
            if label.textFormat() != Qt.TextFormat.PlainText and Qt.mightBeRichText(label.text())
        ]

    def _boxes(self) -> dict[str, list[int]]:
        """The parts of the window that lie beside each other."""
        window = self._window
        parts = {
            "search": window.search, "folders": window._folders_button, "information": window._details_button,
            "menu": window._menu_button, "notice": window.notice, "middle": window.stack, "details": window.details,
            "status": window.status,
        }  # fmt: skip
        return {name: self._box(part) for name, part in parts.items() if part.isVisible()}


def main() -> None:
    file = Path(sys.argv[1])
    sys.argv = ["photosearch", *sys.argv[2:]]
    from photosearch import __main__ as program
    from photosearch.model import Encoder
    from photosearch.ui import app
    from photosearch.ui.window import Window

    encoded = [0]
    encode = Encoder.encode_images

    def count(self, pixels):
        vectors = encode(self, pixels)
        encoded[0] += len(vectors)
        return vectors

    Encoder.encode_images = count

    class WatchedWindow(Window):
        def __init__(self, *arguments, **named) -> None:
            super().__init__(*arguments, **named)
            self.witness = Witness(self, file, encoded)

    app.Window = WatchedWindow
    program.main()


if __name__ == "__main__":
    main()
