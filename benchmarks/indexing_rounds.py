"""What benchmarks/indexing.py measures: decoding, encoding, both together, and the reference, in rounds."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil

from benchmarks import reference
from benchmarks.memory_watch import MemoryWatch
from benchmarks.pictures import write_photos
from benchmarks.report import Report
from photosearch.indexer.decode_pool import DecodePool, default_workers
from photosearch.indexer.decode_worker import read_photo
from photosearch.library import Library
from photosearch.media.formats import is_picture_name
from photosearch.model import Encoder, resolve
from photosearch.paths import app_paths

_MAX_MEGAPIXELS = 250
_EXPORT_LIMIT_SECONDS = 300
_EXPORT_LOOK_SECONDS = 5
EXPORT_PHOTOS = 80


def decode_rate(files: Sequence[Path], encoder: Encoder) -> tuple[float, np.ndarray]:
    """Photos a second through the decode workers alone, and the pixels they made."""
    pool = DecodePool(default_workers())
    try:
        warm = [pool.submit(read_photo, f, frozenset(), encoder.info.preprocess, _MAX_MEGAPIXELS) for f in files[:4]]
        for future in warm:
            pool.outcome_of(future)
        started = time.perf_counter()
        futures = [pool.submit(read_photo, f, frozenset(), encoder.info.preprocess, _MAX_MEGAPIXELS) for f in files]
        pixels = np.stack([pool.outcome_of(future).pixels for future in futures])
        return len(files) / (time.perf_counter() - started), pixels
    finally:
        pool.close()


def encode_rate(pixels: np.ndarray, encoder: Encoder) -> float:
    """Photos a second through the encoder alone, with as many threads as there are cores."""
    encoder.encode_images(pixels[:2])
    started = time.perf_counter()
    encoder.encode_images(pixels)
    return len(pixels) / (time.perf_counter() - started)


def prepare_export(encoder: Encoder, pixels: np.ndarray) -> str:
    """Let the encoder see enough photos to choose how it runs on this machine; returns its choice as a sentence."""
    ends = time.monotonic() + _EXPORT_LIMIT_SECONDS
    while time.monotonic() < ends:
        encoder.encode_images(pixels)
        time.sleep(_EXPORT_LOOK_SECONDS)  # exports are made when nothing is asked
        record = encoder.record
        if record is not None and not record.int8_is_open:
            return record.sentence()
    return "the choice was not made in time; PyTorch ran"


def our_rate(folder: Path, model: str, data: Path, exports: Path) -> tuple[float, float, float]:
    """An index run: photos a second once the model is there, the same with its start, peak memory in MB."""
    paths = app_paths(data)
    paths.models.parent.mkdir(parents=True)
    paths.models.symlink_to(exports)
    with MemoryWatch() as memory, Library.open(paths, model=model) as library:
        library.add_folder(folder)
        started = time.perf_counter()
        report = library.index()
        ended = time.perf_counter()
    return report.photos_per_second, report.encoded / (ended - started), memory.peak_mb


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"lowest": min(values), "highest": max(values)}


def measure(*, photos: int, folder: Path | None, count: int) -> None:
    """``count`` rounds over the photos of ``folder``, or over as many made ones, written to the results."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        report_name = "indexing-real" if folder else "indexing"
        if folder:
            files = sorted(p for p in folder.rglob("*") if is_picture_name(p.name))
        else:
            folder = root / "photos"
            files = write_photos(folder, count=photos)
        what = f"{len(files)} photos of {sum(f.stat().st_size for f in files) / len(files) / 1e6:.1f} MB"
        report = Report(report_name, f"Indexing {what}, ViT-B-32")
        onnx_file = reference.make_model(root / "vit-b-32")
        spec = resolve(str(root / "vit-b-32"))
        cores = psutil.cpu_count() or 1
        peaks: list[float] = []
        whole: list[float] = []
        number = iter(range(10_000))

        def bound() -> tuple[float, float]:
            """Decode-only and encode-only rates; nothing of either is left when it returns."""
            with Encoder(spec, threads=cores, exports=exports) as everyday:
                rate, pixels = decode_rate(files, everyday)
                return rate, encode_rate(pixels, everyday)

        def ours() -> float:
            data = root / f"library-{next(number)}"
            rate, with_start, peak = our_rate(folder, str(root / "vit-b-32"), data, exports)
            peaks.append(peak)
            whole.append(with_start)
            return rate

        exports = root / "exports"
        exports.mkdir()
        with Encoder(spec, threads=cores, exports=exports) as first:
            print(f"  {prepare_export(first, decode_rate(files[:EXPORT_PHOTOS], first)[1])}", flush=True)
        decode, encode, mine, other = [], [], [], []
        for _ in range(count):
            for kept, rate in zip((decode, encode), bound(), strict=True):
                kept.append(rate)
            mine.append(ours())
            other.append(reference.photos_per_second(onnx_file, files))
        bounds = [1 / (1 / d + 1 / e) for d, e in zip(decode, encode, strict=True)]
        for name, values in (
            ("decode only", decode), ("encode only", encode), ("bound of both", bounds), ("PhotoSearch", mine),
            ("PhotoSearch, with the model's start", whole), ("reference", other),
        ):  # fmt: skip
            report.row(name, statistics.median(values), "photos/s", **spread(values))
        for name, pairs in (
            ("PhotoSearch / reference", [a / b for a, b in zip(mine, other, strict=True)]),
            ("PhotoSearch / bound", [a / b for a, b in zip(mine, bounds, strict=True)]),
        ):
            report.row(name, statistics.median(pairs), "×", **spread(pairs))
        report.row("peak memory of all processes together", max(peaks), "MB")
    report.finish()
