"""How the window feels with a large library: time to the first photo, the longest stalls of the event loop, memory.

    python benchmarks/window.py [--photos 100000]

A timer that should fire every 5 ms runs in the window's own thread; the longest gap between two of its ticks is what a
user feels as a stall. Qt draws offscreen unless QT_QPA_PLATFORM says otherwise, so painting is measured, a compositor
is not. The photos are synthetic (benchmarks/synthetic.py): their thumbnails are plainer than real ones.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

STARTED = time.perf_counter()

from PySide6.QtCore import QEventLoop, Qt, QTimer  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWidgets import QApplication, QLineEdit  # noqa: E402

from benchmarks.report import Report, resident_mb  # noqa: E402
from photosearch.paths import app_paths  # noqa: E402
from photosearch.ui.app import open_library  # noqa: E402
from photosearch.ui.session import Session  # noqa: E402
from photosearch.ui.window import Window  # noqa: E402

_TICK_MS = 5
_LIMIT_SECONDS = 300
_JUMPS = 200


class Stalls:
    """The gaps between ticks of a timer in the window's thread."""

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(_TICK_MS)
        self.restart()

    def restart(self) -> None:
        self._last, self.longest_ms = time.perf_counter(), 0.0

    def _tick(self) -> None:
        now = time.perf_counter()
        self.longest_ms = max(self.longest_ms, 1e3 * (now - self._last) - _TICK_MS)
        self._last = now


def wait(ready: Callable[[], bool], what: str) -> None:
    """Run the event loop until ``ready``."""
    ends = time.monotonic() + _LIMIT_SECONDS
    loop, looking, came = QEventLoop(), QTimer(), False

    def look() -> None:
        nonlocal came
        came = came or ready()  # it may be over again when the loop has ended
        if came or time.monotonic() > ends:
            loop.quit()

    looking.timeout.connect(look)
    looking.start(_TICK_MS)
    loop.exec()
    looking.stop()
    if not came:
        sys.exit(f"gave up waiting for {what}")


def pause(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def measure(data: Path, photos: int, report: Report) -> None:
    """One session of use, from opening to rest."""
    paths = app_paths(data)
    app = QApplication(["photosearch"])
    app.setQuitOnLastWindowClosed(False)
    stalls = Stalls()
    session = Session(open_library, paths)
    window = Window(session, paths)
    window.resize(1300, 900)
    window.show()
    report.row("window on screen after", time.perf_counter() - STARTED, "s, imports included")
    session.open()
    wait(lambda: len(session.listing.tiles) == photos, "the library")
    report.row("library shown after", time.perf_counter() - STARTED, "s")
    report.row("longest stall while opening", stalls.longest_ms, "ms")
    wait(lambda: not session.busy, "the first look at the folders")
    report.row("folders looked through after", time.perf_counter() - STARTED, "s")
    report.row("longest stall until then", stalls.longest_ms, "ms")

    bar = window.grid.verticalScrollBar()
    stalls.restart()
    for step in range(_JUMPS):
        bar.setValue(bar.maximum() * ((step * 37) % _JUMPS) // _JUMPS)
        pause(10)
    report.row(f"longest stall in {_JUMPS} jumps", stalls.longest_ms, "ms")
    stalls.restart()
    for width in range(1300, 800, -50):
        window.resize(width, 900)
        pause(20)
    report.row("longest stall while resizing", stalls.longest_ms, "ms")
    for name, words in (("first, model starting", "dog"), ("second", "red car at night")):
        stalls.restart()
        started = time.perf_counter()
        QTest.keyClicks(window.search.findChild(QLineEdit), words)
        wait(lambda: session.searching, "the search to begin")
        wait(lambda: not session.searching, "the answer")
        report.row(f"search ({name})", time.perf_counter() - started, "s, typing pause included")
        report.row(f"longest stall meanwhile ({name})", stalls.longest_ms, "ms")
        stalls.restart()
        session.set_query(words="")
        wait(lambda: len(session.listing.tiles) == photos, "the library again")
        report.row(f"longest stall, back to the library ({name})", stalls.longest_ms, "ms")
    pause(2000)
    report.row("window process, resident", resident_mb(), "MB")
    session.library.rest()  # what the library and the window do by themselves after some minutes
    window.thumbnails.rest()
    pause(2000)
    report.row("window process at rest, resident", resident_mb(), "MB")
    stalls.restart()
    started = time.perf_counter()
    session.set_query(words="a boat")
    wait(lambda: session.listing.query is not None and not session.searching, "the answer after the rest")
    report.row("search (after the rest)", time.perf_counter() - started, "s")
    report.row("longest stall meanwhile (after the rest)", stalls.longest_ms, "ms")
    closed: list[bool] = []
    session.closed.connect(lambda: closed.append(True))
    started = time.perf_counter()
    window.close()
    wait(lambda: bool(closed), "the closing")
    report.row("closing", time.perf_counter() - started, "s")
    session.workers.finish(5000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--data", type=Path, help="a library made before by this program")
    options = parser.parse_args()
    report = Report("window", f"Window with {options.photos:,} synthetic photos")
    with tempfile.TemporaryDirectory() as temporary:
        data = options.data
        if data is None:
            import subprocess

            data = Path(temporary) / "library"
            # In a process of its own, so that its memory is not counted here.
            make = (
                "import sys; sys.path.insert(0, sys.argv[1]); from benchmarks.synthetic import make_library;"
                "from photosearch.paths import app_paths; make_library(app_paths(sys.argv[2]), photos=int(sys.argv[3]))"
            )
            root = str(Path(__file__).parent.parent)
            subprocess.run([sys.executable, "-c", make, root, str(data), str(options.photos)], check=True)
        measure(data, options.photos, report)
    report.finish()


if __name__ == "__main__":
    main()
