"""The vectors of everyday words for the model in use: encoded once, and kept beside its exports."""

from __future__ import annotations

import contextlib
import logging
import threading
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from photosearch.errors import PhotoSearchError
from photosearch.search import everyday

log = logging.getLogger(__name__)

_AT_ONCE = 48
"""Texts encoded in one go: somebody's query may wait for so many."""


def words_file(models: Path, identity: str) -> Path:
    """Where they are kept, below ``AppPaths.models``."""
    return models / f"{identity}.words.npz"


class EverydayWords:
    """Reads what is kept, or makes it. Safe to use from several threads.

    encode: texts to float32 [n, dim]. keep: whether what is made may be written. Without its vectors a library works:
    words are judged as sentences are. So a file that is damaged or cannot be written, and a model that cannot answer,
    are no errors.
    """

    def __init__(
        self, file: Path, *, encode: Callable[[Sequence[str]], np.ndarray], keep: bool, closing: threading.Event
    ) -> None:
        self._file = file
        self._encode = encode
        self._keep = keep
        self._closing = closing
        self._making = threading.Lock()
        self._thread: threading.Thread | None = None
        self.vectors: np.ndarray | None = self._read()

    def make(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Encode them in this thread unless they are here; it takes a second, and longer with a large model."""
        with self._making:
            if self.vectors is not None:
                return
            texts = everyday.texts()
            parts = []
            for start in range(0, len(texts), _AT_ONCE):
                if self._closing.is_set() or stopped():
                    return
                try:
                    parts.append(self._encode(texts[start : start + _AT_ONCE]))
                except PhotoSearchError as error:
                    log.warning("everyday words could not be encoded: %s", error)
                    return
            vectors = everyday.vectors(np.concatenate(parts))
            if not np.isfinite(vectors).all():
                log.warning("everyday words could not be encoded: the model gives no direction for some of them")
                return
            self._write(vectors)
            self.vectors = vectors

    def make_soon(self) -> None:
        """The same in a thread of its own."""
        if self.vectors is None and self._thread is None:
            self._thread = threading.Thread(target=self.make, name="photosearch-words", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """After ``closing`` was set: wait for the thread."""
        if self._thread is not None:
            self._thread.join()

    def _read(self) -> np.ndarray | None:
        try:
            with np.load(self._file) as kept:
                if str(kept["words"]) == everyday.digest():
                    return kept["vectors"]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            log.warning("everyday words are encoded again: %s", error)
        return None

    def _write(self, vectors: np.ndarray) -> None:
        if not self._keep:
            return
        unfinished = self._file.with_suffix(".unfinished.npz")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(unfinished, words=everyday.digest(), vectors=vectors)
            unfinished.replace(self._file)
        except OSError as error:
            log.warning("everyday words could not be kept: %s", error)
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
