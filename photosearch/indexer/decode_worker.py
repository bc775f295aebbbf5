"""What a decode worker does with one picture: read once, hash, decode once, and make all that is needed of it."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photosearch.errors import PhotoError, ProblemCode
from photosearch.media.decode import Decoded, decode
from photosearch.media.thumbnails import ENOUGH_FOR_THUMBNAIL_PX, preview, thumbnail
from photosearch.model.preprocess import Preprocess
from photosearch.records import PhotoFacts

DIGEST_BYTES = 16
_MAX_FILE_BYTES = 1024**3


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """What was made of one file. ``facts``, ``thumbnail`` and ``pixels`` are None where its content was known.

    pixels: uint8 [side, side, 3], ready for the encoder. ``settled`` is False where the file changed while it was read.
    """

    digest: bytes
    size: int
    mtime_ns: int
    settled: bool
    facts: PhotoFacts | None = None
    thumbnail: bytes | None = None
    pixels: np.ndarray | None = None


def be_ready() -> None:
    """Nothing is to be done: what the module imports is loaded by now."""


def read_photo(path: Path, known: frozenset[bytes], preprocess: Preprocess, max_megapixels: int) -> ReadPhoto:
    """Read a file and prepare it for the catalog and the encoder. Raises PhotoError."""
    data, size, mtime_ns, settled = _read(path)
    digest = hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()
    if not settled or digest in known:
        return ReadPhoto(digest, size, mtime_ns, settled)
    decoded = decode(
        data,
        name=path.name,
        min_side_px=_enough_px(preprocess),
        min_long_side_px=ENOUGH_FOR_THUMBNAIL_PX,
        max_megapixels=max_megapixels,
    )
    return ReadPhoto(
        digest,
        size,
        mtime_ns,
        settled,
        facts=decoded.facts,
        thumbnail=thumbnail(decoded.image),
        pixels=_seen(decoded, preprocess),
    )


def read_pixels(source: Path | bytes, preprocess: Preprocess, max_megapixels: int) -> np.ndarray:
    """A picture that is a query: uint8 [side, side, 3]. Raises PhotoError."""
    data = source if isinstance(source, bytes) else _read(source)[0]
    name = "the picture" if isinstance(source, bytes) else source.name
    decoded = decode(data, name=name, min_side_px=_enough_px(preprocess), max_megapixels=max_megapixels)
    return _seen(decoded, preprocess)


def read_preview(path: Path, max_px: int, max_megapixels: int) -> bytes:
    """A file as an upright JPEG whose long side is at most ``max_px``. Raises PhotoError."""
    data = _read(path)[0]
    decoded = decode(data, name=path.name, min_side_px=1, min_long_side_px=max_px, max_megapixels=max_megapixels)
    return preview(decoded.image, max_px=max_px)


def read_thumbnail(path: Path, max_megapixels: int) -> bytes:
    """A file's thumbnail, for a cache that lost it. Raises PhotoError."""
    data = _read(path)[0]
    decoded = decode(
        data, name=path.name, min_side_px=1, min_long_side_px=ENOUGH_FOR_THUMBNAIL_PX, max_megapixels=max_megapixels
    )
    return thumbnail(decoded.image)


def _seen(decoded: Decoded, preprocess: Preprocess) -> np.ndarray:
    return preprocess.apply(decoded.image, full_size=(decoded.facts.width, decoded.facts.height))


def _enough_px(preprocess: Preprocess) -> int:
    """How short the shorter side of a decoded picture may be. At one and a half times what the model wants, its input
    differs from that of a full decode by less than a grey level (docs/decisions.md)."""
    return max(preprocess.shape[:2]) * 3 // 2


def _read(path: Path) -> tuple[bytes, int, int, bool]:
    """(bytes, size, mtime in ns, whether size and time stayed as they were while it was read)."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise PhotoError(ProblemCode.NOT_A_FILE, "This is a device or a pipe, not a file.")
            if before.st_size > _MAX_FILE_BYTES:
                raise PhotoError(
                    ProblemCode.TOO_LARGE,
                    f"The file has {before.st_size / 1e9:.1f} GB, more than a picture should (1 GB).",
                )
            data = file.read()
            after = os.fstat(file.fileno())
    except PermissionError as error:
        raise PhotoError(ProblemCode.NO_PERMISSION, "You have no permission to read this file.") from error
    except IsADirectoryError as error:
        raise PhotoError(ProblemCode.NOT_A_FILE, "This is a folder, not a picture.") from error
    except FileNotFoundError as error:
        raise PhotoError(ProblemCode.NOT_A_FILE, "There is no such file.") from error
    except OSError as error:
        raise PhotoError(
            ProblemCode.READ_FAILED,
            f"The file could not be read ({error.strerror or error}); its drive may be failing.",
        ) from error
    settled = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns) and len(data) == after.st_size
    return data, after.st_size, after.st_mtime_ns, settled


def _without_waiting(path: str, flags: int) -> int:
    """Opening a pipe would wait for somebody to write into it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
