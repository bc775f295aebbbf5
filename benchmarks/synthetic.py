"""A library of many photos that were never taken: rows, unit vectors and thumbnails, for measuring what size costs.

The vectors come in clusters, as real ones do. The files are there but empty: a look at the folder finds them unchanged,
and none can be read again.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from photosearch.catalog import Catalog, FileStat, IndexedPhoto, ThumbnailStore
from photosearch.model import resolve
from photosearch.paths import AppPaths
from photosearch.records import PhotoFacts

_DIM = 256
_CLUSTERS = 2000
_SPREAD = 0.8
_BATCH = 2000
_FILES_A_FOLDER = 500
_SHAPES = ((3, 2), (4, 3), (2, 3), (16, 9), (1, 1))


def make_library(paths: AppPaths, *, photos: int, seed: int = 7) -> Path:
    """Fill an empty library with ``photos`` photos of the built-in model; returns their folder."""
    random = np.random.default_rng(seed)
    folder = paths.data / "photos"
    folder.mkdir(parents=True)
    catalog = Catalog(paths.catalog, backups=paths.backups)
    thumbnails = ThumbnailStore(paths.thumbnails)
    jpegs = [_thumbnail(random, shape) for shape in _SHAPES for _ in range(20)]
    catalog.folders.add(folder)
    folder_id = catalog.folders.all()[0].id
    identity = resolve("builtin").identity
    assert identity is not None
    model_id = catalog.embeddings.register(identity, name="builtin", dim=_DIM)
    centres = random.normal(size=(_CLUSTERS, _DIM))
    for start in range(0, photos, _BATCH):
        numbers = range(start, min(photos, start + _BATCH))
        stats = {}
        for n in numbers:
            rel = f"{n // _FILES_A_FOLDER:04d}/{n:08d}.jpg"
            file = folder / rel
            file.parent.mkdir(exist_ok=True)
            file.touch()
            stats[rel.encode()] = FileStat(0, *(getattr(file.stat(), f"st_{x}") for x in ("mtime_ns", "dev", "ino")))
        catalog.files.add(folder_id, stats.items())
        rows = catalog.files.snapshot(folder_id)
        vectors = centres[random.integers(_CLUSTERS, size=len(numbers))] + _SPREAD * random.normal(
            size=(len(numbers), _DIM)
        )
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        batch = []
        for n, vector, (rel, stat) in zip(numbers, vectors.astype(np.float32), stats.items(), strict=True):
            width, height = (1000 * side for side in _SHAPES[n % len(_SHAPES)])
            taken = f"{2000 + n % 26}-{1 + n % 12:02d}-{1 + n % 28:02d}T12:00:00"
            facts = PhotoFacts("JPEG", width, height, taken=taken, taken_source="exif", camera="Camera")
            batch.append(IndexedPhoto(rows[rel].id, stat.size, stat.mtime_ns, os.urandom(16), facts, vector))
        done = catalog.photos.commit(batch, model_id=model_id)
        thumbnails.put((c.photo_id, jpegs[c.photo_id % len(jpegs)]) for c in done.values())
    thumbnails.close()
    catalog.close()
    return folder


def _thumbnail(random: np.random.Generator, shape: tuple[int, int]) -> bytes:
    small = Image.fromarray(random.integers(0, 255, (4, 4, 3), dtype=np.uint8))
    long_side = 512 / max(shape)
    out = io.BytesIO()
    small.resize((int(shape[0] * long_side), int(shape[1] * long_side)), Image.Resampling.BICUBIC).save(out, "JPEG")
    return out.getvalue()
