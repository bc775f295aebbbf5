"""How the window feels while it indexes, and what the indexing loses while somebody searches.

    python benchmarks/busy.py [--photos 2400] [--rounds 3] [--seconds 10]

A window (Qt draws offscreen unless QT_QPA_PLATFORM says otherwise) is opened on a library that indexes 12-megapixel
photos with ViT-B-32 (random weights, exported before). In turn it is left alone and searched: a few words are typed,
the answer is waited for, and after a moment the next ones. Told are photos a second of both, the time from the last key
to the answer, and the longest gap between ticks of a timer in the window's thread.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from benchmarks import reference
from benchmarks.indexing_rounds import EXPORT_PHOTOS, decode_rate, prepare_export
from benchmarks.pictures import write_photos
from benchmarks.report import Report
from benchmarks.window import Stalls, pause, wait
from photosearch.indexer.pace import ACTIVE_SECONDS
from photosearch.model import Encoder, resolve
from photosearch.paths import app_paths
from photosearch.progress import Phase
from photosearch.ui.app import open_library
from photosearch.ui.session import Session
from photosearch.ui.window import Window

_WORDS = ("dog", "red car", "a child on the beach", "snow", "birthday cake", "mountains at night")
_BETWEEN_MS = 1000


def left_alone(session: Session, seconds: float) -> float:
    """Photos a second while nobody touches the window."""
    pause(round(1000 * ACTIVE_SECONDS))
    before, started = session.progress.done, time.perf_counter()
    pause(round(1000 * seconds))
    return (session.progress.done - before) / (time.perf_counter() - started)


def searched(session: Session, window: Window, seconds: float, waits_ms: list[float]) -> float:
    """Photos a second while somebody searches; the wait for each answer is added to ``waits_ms``."""
    field = window.search.findChild(QLineEdit)
    before, started = session.progress.done, time.perf_counter()
    for words in itertools.cycle(_WORDS):
        if time.perf_counter() - started >= seconds:
            break
        field.clear()
        QTest.keyClicks(field, words)
        typed = time.perf_counter()
        wait(lambda: session.searching, "the search to begin")
        wait(lambda: not session.searching, "the answer")
        waits_ms.append(1e3 * (time.perf_counter() - typed))
        pause(_BETWEEN_MS)
    rate = (session.progress.done - before) / (time.perf_counter() - started)
    session.clear_query()
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=2400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    report = Report("busy", "The window while it indexes photos of 12 megapixels, ViT-B-32")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        files = write_photos(root / "photos", count=options.photos)
        reference.make_model(root / "vit-b-32")
        paths = app_paths(root / "library")
        with Encoder(resolve(str(root / "vit-b-32")), exports=paths.models) as encoder:
            pixels = decode_rate(files[:EXPORT_PHOTOS], encoder)[1]
            print(f"  {prepare_export(encoder, pixels)}", flush=True)
        app = QApplication(["photosearch"])
        app.setQuitOnLastWindowClosed(False)
        session = Session(open_library, paths, folders=[root / "photos"], model=str(root / "vit-b-32"))
        window = Window(session, paths)
        window.resize(1300, 900)
        window.show()
        session.open()
        wait(lambda: session.progress.phase is Phase.ENCODING and session.progress.done > 0, "the first photos")
        alone, meanwhile, waits_ms, stalls_ms = [], [], [], {"left alone": 0.0, "searched": 0.0}
        stalls = Stalls()
        for _ in range(options.rounds):
            stalls.restart()
            alone.append(left_alone(session, options.seconds))
            stalls_ms["left alone"] = max(stalls_ms["left alone"], stalls.longest_ms)
            stalls.restart()
            meanwhile.append(searched(session, window, options.seconds, waits_ms))
            stalls_ms["searched"] = max(stalls_ms["searched"], stalls.longest_ms)
        if session.progress.phase is not Phase.ENCODING:
            sys.exit("the photos were all indexed before the end: give more with --photos")
        for name, rates in (("left alone", alone), ("while searched", meanwhile)):
            report.row(f"indexing, {name}", statistics.median(rates), "photos/s", lowest=min(rates), highest=max(rates))
        report.row("of the speed is left while searched", statistics.median(meanwhile) / statistics.median(alone), "×")
        report.row(
            "from the last key to the answer", statistics.median(waits_ms), "ms, typing pause of 150 ms included",
            lowest=min(waits_ms), highest=max(waits_ms), searches=len(waits_ms),
        )  # fmt: skip
        for name, longest in stalls_ms.items():
            report.row(f"longest stall, {name}", longest, "ms")
        closed: list[bool] = []
        session.closed.connect(lambda: closed.append(True))
        window.close()
        wait(lambda: bool(closed), "the closing")
        session.workers.finish(5000)
    report.finish()


if __name__ == "__main__":
    main()
