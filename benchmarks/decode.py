"""What decoding a photo of 12 megapixels costs one core, by format: everything a decode worker does with it.

    python benchmarks/decode.py [--heic FILE] [--photos FOLDER] [--rounds 5]

Beside each figure stands what a full decode with Pillow and the same two resizings cost, measured in turns with it, so
that the ratio holds on a busy machine. Processor time is counted, of all threads; files are read before. The scenes
are made up: clouds, edges and grain that compress as a camera's photos do (3.7 MB at quality 92). HEIC needs a real
file, for the decoder that PhotoSearch uses cannot write one.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import pi_heif
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from benchmarks.report import Report
from photosearch.indexer.decode_worker import read_photo
from photosearch.media.thumbnails import thumbnail
from photosearch.model import Preprocess
from tests.raw_files import dng

SIZE = (4000, 3000)
MODEL = Preprocess(
    side_px=224, resize_mode="shortest", interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
)
_SCENES = 3
_MAX_MEGAPIXELS = 250


def scene(seed: int) -> Image.Image:
    """Clouds of every size, a few dozen things with edges, and the grain of a sensor."""
    random = np.random.default_rng(seed)
    width, height = SIZE
    light = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 10):
        cells = 2**octave
        grid = random.normal(size=(max(2, cells * height // width), cells, 3)).astype(np.float32)
        grid = 0.8 * grid.mean(axis=2, keepdims=True) + 0.35 * grid
        for channel in range(3):
            layer = Image.fromarray(grid[..., channel]).resize(SIZE, Image.Resampling.BICUBIC)
            light[..., channel] += np.asarray(layer) * 0.75**octave
    light = (light - light.mean()) / light.std() * 50 + 118
    image = Image.fromarray(np.clip(light, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for number in range(180):
        left, top, wide, high = (int(v) for v in random.integers((0, 0, 40, 40), (width, height, 700, 700)))
        colour = tuple(int(v) for v in random.integers(0, 256, 3))
        box = (left, top, left + wide, top + high)
        if number % 3:
            draw.line(box, fill=colour, width=int(random.integers(1, 9)))
        else:
            (draw.ellipse if number % 2 else draw.rectangle)(box, fill=colour)
    seen = np.asarray(image.filter(ImageFilter.GaussianBlur(1.0))).astype(np.float32)
    seen += random.normal(scale=4, size=(height, width, 1)) + random.normal(scale=2, size=(height, width, 3))
    return Image.fromarray(np.clip(seen, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def in_full(path: Path) -> None:
    """What a program does that knows nothing of scaled decoding."""
    hashlib.blake2b(path.read_bytes()).digest()
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGB")
    thumbnail(image)
    MODEL.apply(image)


def ours(path: Path) -> None:
    assert read_photo(path, frozenset(), MODEL, _MAX_MEGAPIXELS).pixels is not None


def cpu_ms(work: Callable[[Path], None], path: Path) -> float:
    started = time.process_time()
    work(path)
    return 1e3 * (time.process_time() - started)


def compare(report: Report, what: str, paths: list[Path], rounds: int, *, whole: bool = True) -> None:
    """One row: ours, and in full beside it where Pillow can."""
    times: dict[str, list[float]] = {"ours": [], "full": []}
    for number in range(rounds + 1):
        for path in paths:
            mine = cpu_ms(ours, path)
            full = cpu_ms(in_full, path) if whole else 0.0
            if number:  # the first round loads decoders
                times["ours"].append(mine)
                times["full"].append(full)
    mine = statistics.median(times["ours"])
    more: dict[str, object] = {"photos_per_second": 1e3 / mine, "megabytes": paths[0].stat().st_size / 1e6}
    if whole:
        full = statistics.median(times["full"])
        more |= {"in_full_ms": full, "times_as_fast": full / mine}
    report.row(what, mine, "ms", **more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heic", type=Path, help="a HEIC photo, best of 12 megapixels")
    parser.add_argument("--photos", type=Path, help="a folder of JPEG photos, measured all together")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    pi_heif.register_heif_opener(decode_threads=1)
    report = Report("decode", "Decoding a photo of 12 megapixels: processor time of one decode worker")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        scenes = [scene(seed) for seed in range(_SCENES)]

        def files(ending: str, make: Callable[[Image.Image], bytes], count: int = 1) -> list[Path]:
            paths = [folder / f"{ending}-{number}.{ending.split('-')[-1]}" for number in range(count)]
            for path, image in zip(paths, scenes, strict=False):
                path.write_bytes(make(image))
            return paths

        jpegs = files("jpg", lambda i: encoded(i, "JPEG", quality=92), _SCENES)
        compare(report, "JPEG, baseline", jpegs, options.rounds)
        jpegs = files("progressive-jpg", lambda i: encoded(i, "JPEG", quality=92, progressive=True), _SCENES)
        compare(report, "JPEG, progressive", jpegs, options.rounds)
        compare(report, "PNG", files("png", lambda i: encoded(i, "PNG")), 2)
        compare(report, "WebP", files("webp", lambda i: encoded(i, "WEBP", quality=85)), 2)
        compare(report, "AVIF", files("avif", lambda i: encoded(i, "AVIF", quality=70, speed=8)), 2)
        if options.heic:
            compare(report, "HEIC", [options.heic], 2)
        preview = encoded(scenes[0].resize((1600, 1200)), "JPEG", quality=85)
        compare(report, "DNG with a preview", files("dng", lambda i: dng(i, preview=preview)), 3, whole=False)
        compare(report, "DNG without, developed", files("bare-dng", dng), 2, whole=False)
        if options.photos:
            found = sorted(p for p in options.photos.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
            compare(report, f"{len(found)} photos of {options.photos.name}", found, 1)
    report.finish()


if __name__ == "__main__":
    main()
