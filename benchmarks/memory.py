"""Whether memory stays flat over a long indexing run: all processes together, over tens of thousands of photos.

    python benchmarks/memory.py [--photos 20000] [--model builtin]

The photos are small (800 pixels), so that the run ends: what a leak would follow is their number. The slope is that of
the straight line through the samples between a tenth and the whole of the run. The index itself grows by what it must
hold, about a kilobyte a photo with the built-in model.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.memory_watch import MemoryWatch
from benchmarks.pictures import write_photos
from benchmarks.report import Report
from photosearch.library import Library
from photosearch.paths import app_paths

_LONG_SIDE_PX = 800
_SAMPLE_EVERY_S = 0.5
_SETTLED_AFTER = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--model", default="builtin")
    options = parser.parse_args()
    report = Report("memory", f"Memory while {options.photos:,} small photos are indexed, {options.model}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "photos"
        write_photos(folder, count=options.photos, long_side_px=_LONG_SIDE_PX)
        with (
            MemoryWatch(every_s=_SAMPLE_EVERY_S) as memory,
            Library.open(app_paths(Path(temporary) / "library"), model=options.model) as library,
        ):
            library.add_folder(folder)
            done = library.index()
    seconds, megabytes = np.array(memory.samples).T
    settled = seconds >= _SETTLED_AFTER * seconds[-1]
    photos = done.encoded * seconds[settled] / seconds[-1]
    slope = np.polyfit(photos / 1000, megabytes[settled], 1)[0]
    tenth = max(1, settled.sum() // 10)
    report.row("photos indexed", done.encoded, "photos", rate=done.photos_per_second)
    report.row("peak of all processes together", memory.peak_mb, "MB")
    report.row("after a tenth of the run", float(np.median(megabytes[settled][:tenth])), "MB")
    report.row("at the end of the run", float(np.median(megabytes[settled][-tenth:])), "MB")
    report.row("slope", float(slope), "MB per 1,000 photos")
    report.finish()


if __name__ == "__main__":
    main()
