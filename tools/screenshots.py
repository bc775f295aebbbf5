"""Make the screenshots of the documentation from the real window on a real library.

    python tools/screenshots.py --photos DIR --out DIR [--data DIR] [--size 1280x820]

Needs a display (``xvfb-run -a`` gives one). The library is made in ``--data``, or in a temporary folder.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

sys.path.insert(0, str(Path(__file__).parent.parent))

from photosearch.library import Library
from photosearch.paths import AppPaths, app_paths
from photosearch.ui import theme
from photosearch.ui.app import require_display
from photosearch.ui.drops import file_pictures
from photosearch.ui.session import Session, State
from photosearch.ui.window import Window

_LIMIT_SECONDS = 900
_SETTLE_MS = 600
_QUALITY = 88


class Stage:
    """One window on one library, and the patience to wait for it."""

    def __init__(self, paths: AppPaths, *, size: tuple[int, int], out: Path, offered: Path | None = None) -> None:
        self.session = Session(Library.open, paths)
        self.window = Window(self.session, paths, pictures=offered)
        self.window.resize(*size)
        self._out = out
        self.window.show()
        self.session.open()
        self.wait(lambda: self.session.state is State.OPEN and self.session.status is not None, "the library")

    def wait(self, ready: Callable[[], bool], what: str, *, seconds: float = _LIMIT_SECONDS) -> None:
        """Run the window until ``ready``; ends the program with a word when that takes too long."""
        ends = time.monotonic() + seconds
        loop = QEventLoop()
        looking = QTimer()
        looking.timeout.connect(lambda: loop.quit() if ready() or time.monotonic() > ends else None)
        looking.start(50)
        loop.exec()
        looking.stop()
        if not ready():
            sys.exit(f"gave up waiting for {what}")

    def settle(self) -> None:
        """Let thumbnails load and fades end."""
        self.wait(
            lambda: all(
                self.window.thumbnails.image(photo_id) or self.window.thumbnails.is_missing(photo_id)
                for photo_id in (self.window.model.tile(row).photo_id for row in self.window.grid.visible_rows())
            ),
            "the thumbnails",
        )
        loop = QEventLoop()
        QTimer.singleShot(_SETTLE_MS, loop.quit)
        loop.exec()

    def shoot(self, name: str) -> None:
        self.settle()
        file = self._out / f"{name}.webp"
        self.window.grab().save(str(file), quality=_QUALITY)
        print(file)

    def search(self, **query) -> None:
        self.session.set_query(**query)
        self.wait(lambda: not self.session.searching, "the search")

    def close(self) -> None:
        closed: list[bool] = []
        self.session.closed.connect(lambda: closed.append(True))
        self.window.close()
        self.wait(lambda: bool(closed), "the closing")
        self.session.workers.finish(5000)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="where the library is kept; given again, nothing is indexed twice")
    parser.add_argument("--words", default="a dog")
    parser.add_argument("--picture", type=Path, help="the picture to search by (default: one of the photos)")
    parser.add_argument("--size", default="1280x820")
    options = parser.parse_args()
    width, height = (int(part) for part in options.size.split("x"))
    options.out.mkdir(parents=True, exist_ok=True)
    require_display()
    app = QApplication(["photosearch"])
    app.setQuitOnLastWindowClosed(False)
    theme.keeper().wear(dark=False)
    with tempfile.TemporaryDirectory() as temporary:
        data = options.data or Path(temporary) / "library"
        first = Stage(
            app_paths(Path(temporary) / "first"), size=(width, height), out=options.out, offered=options.photos
        )
        first.shoot("first-start")
        first.close()
        stage = Stage(app_paths(data), size=(width, height), out=options.out)
        _tour(stage, options)
        stage.close()
    return 0


def _tour(stage: Stage, options: argparse.Namespace) -> None:
    session, window = stage.session, stage.window
    if not session.status.folders:
        session.add_folder(options.photos)
    stage.wait(
        lambda: bool(session.status.searchable) and not session.status.pending and not session.busy, "the indexing"
    )
    stage.shoot("library")
    stage.search(words=options.words)
    # The first question also waits for the model to start, which is not what a picture of a search should tell.
    session.clear_query()
    stage.search(words=options.words)
    window.grid.go_to(0)
    stage.shoot("text-search")
    window.toggle_details()
    stage.wait(lambda: session.book.known(window.model.tile(0).photo_id) is not None, "the details")
    stage.shoot("details")
    window.toggle_details()
    picture = options.picture or window.model.path(0)
    stage.search(pictures=file_pictures((picture,)))
    stage.shoot("image-search")
    window.show_preview(0)
    stage.wait(lambda: window.preview.shows_full, "the preview")
    stage.shoot("preview")
    window.preview.close_preview()
    session.clear_query()
    stage.wait(lambda: window.model.listing.query is None, "the library")
    theme.keeper().wear(dark=True)
    stage.shoot("library-dark")
    stage.search(words=options.words)
    stage.shoot("text-search-dark")
    theme.keeper().wear(dark=False)


if __name__ == "__main__":
    sys.exit(main())
