"""How much memory the first use of a model takes: loading it with torch, exporting its towers, judging int8.

    python benchmarks/export_memory.py [--model FOLDER] [--threads 1]

The peaks are those of this process, its encoder process and what that starts, together (proportional set size on
Linux), by default with ViT-B-32 of random weights. Both ways that a first use can go are taken: photos come at once, so
that all is done in the process with torch, and photos come after the export was made. What is mapped from files counts
in full, though the system could drop it when memory is short; the part of the peak that it could not is told beside.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import reference
from benchmarks.memory_watch import MemoryWatch
from benchmarks.report import Report
from photosearch.model import Encoder, resolve
from photosearch.model.candidates import PHOTOS_WANTED

_LIMIT_SECONDS = 300
_BATCH = 8


@contextmanager
def phase(report: Report, what: str) -> Iterator[None]:
    """Tell the peak of what is done inside."""
    with MemoryWatch() as memory:
        yield
    report.row(what, memory.peak_mb, "MB", own=memory.peak_own_mb)


def encode(encoder: Encoder, count: int) -> None:
    """Pictures of noise, in batches."""
    height, width, _ = encoder.info.preprocess.shape
    noise = np.random.default_rng(1).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    pixels = noise.repeat(-(-height // 8), axis=1).repeat(-(-width // 8), axis=2)[:, :height, :width]
    for at in range(0, count, _BATCH):
        encoder.encode_images(pixels[at : at + _BATCH])


def wait_for_the_end(encoder: Encoder) -> None:
    """A process that has made an export ends."""
    ends = time.monotonic() + _LIMIT_SECONDS
    while encoder.running and time.monotonic() < ends:
        time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="an open_clip folder")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        folder = options.model or root / "vit-b-32"
        if options.model is None:
            reference.make_model(folder)
        weights = sum(f.stat().st_size for f in folder.glob("*.safetensors")) / 1e6
        report = Report("export_memory", f"First use of a model with {weights:.0f} MB of weights")
        spec = resolve(str(folder))
        with phase(report, "this process alone"):
            time.sleep(1)
        with Encoder(spec, device="cpu", threads=options.threads, exports=root / "at-once") as encoder:
            with phase(report, "photos at once: loading with torch"):
                encoder.start()
            with phase(report, "photos at once: encoding with torch"):
                encode(encoder, PHOTOS_WANTED - 1)
            with phase(report, "photos at once: exporting and judging int8"):
                encode(encoder, 1)
                wait_for_the_end(encoder)
            with phase(report, "photos at once: encoding with what was chosen"):
                encode(encoder, PHOTOS_WANTED)
        with Encoder(spec, device="cpu", threads=options.threads, exports=root / "idle") as encoder:
            with phase(report, "no photos: loading with torch, exporting"):
                encoder.start()
                wait_for_the_end(encoder)
            with phase(report, "photos then: encoding with fp32, judging int8"):
                encode(encoder, PHOTOS_WANTED)
                encoder.encode_images(np.zeros((1, *encoder.info.preprocess.shape), np.uint8))
            with phase(report, "words: the text tower in this process"):
                encoder.encode_texts(["a dog on the beach"])
            record = encoder.record
        print(f"  {record.sentence() if record else 'nothing was exported'}")
    report.finish()


if __name__ == "__main__":
    main()
