"""How long a look at a library takes in which nothing changed, against a bare walk of the same files.

    python benchmarks/rescan.py [--photos 100000] [--repetitions 5]

The bare walk is ``os.scandir`` with one ``stat`` a file and nothing else; the look is ``Library.index``, which lists,
compares with the catalog, and finds nothing to do; the target is 2.5 times the walk. Both take turns, with everything
in the system's cache: on a disk that has to turn, both wait for it and the ratio falls. Opening the library is not part
of either.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.report import Report
from benchmarks.synthetic import make_library
from photosearch.library import Library
from photosearch.paths import app_paths
from photosearch.records import IndexReport

_BARE, _OURS = "os.scandir with stat", "Library.index with nothing to do"


def bare_walk(root: Path) -> int:
    """Stat every file below ``root``; returns how many there are."""
    files, waiting = 0, [os.fspath(root)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    entry.stat(follow_symlinks=False)
                    files += 1
    return files


def measure(photos: int, repetitions: int, data: Path) -> None:
    report = Report("rescan", f"A look at {photos:,} unchanged photos")
    paths = app_paths(data)
    root = make_library(paths, photos=photos)
    walls: dict[str, list[float]] = {_BARE: [], _OURS: []}
    processor: dict[str, list[float]] = {_BARE: [], _OURS: []}

    def timed(what: str, work: Callable[[], object]) -> object:
        wall, cpu = time.perf_counter(), time.process_time()
        answer = work()
        processor[what].append(time.process_time() - cpu)
        walls[what].append(time.perf_counter() - wall)
        return answer

    with Library.open(paths) as library:
        library.index()  # loads the index and keeps the day's copy of the catalog, once
        index = library._model.index()
        while index is not None and index.held:  # grown in the background after the first start
            time.sleep(0.5)
        for _ in range(repetitions):
            assert timed(_BARE, lambda: bare_walk(root)) == photos
            done = timed(_OURS, library.index)
            assert isinstance(done, IndexReport)
            assert (done.found, done.new, done.changed, done.encoded) == (photos, 0, 0, 0)
    for clock, times in (("", walls), (", processor time", processor)):
        for what, seconds in times.items():
            report.row(f"{what}{clock}", statistics.median(seconds), "s", least=min(seconds), most=max(seconds))
        ratios = [our / other for our, other in zip(times[_OURS], times[_BARE], strict=True)]
        report.row(f"ratio{clock}", statistics.median(ratios), "×", least=min(ratios), most=max(ratios))
    report.finish()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--photos", type=int, default=100_000)
    options.add_argument("--repetitions", type=int, default=5)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(chosen.photos, chosen.repetitions, Path(folder) / "library")


if __name__ == "__main__":
    main()
