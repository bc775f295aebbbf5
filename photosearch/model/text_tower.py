"""Texts in the process that asks: the exported text tower, loaded when first needed and dropped after a rest.

A query then needs neither torch nor another process. Loading it and running it block the thread that asks, and hold
the interpreter for a few hundredths of a second at most; a window asks from a thread of its own.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from photosearch.model.exported import ExportedModel
from photosearch.model.runtime import OutOfMemory

log = logging.getLogger(__name__)


class TextTower:
    """Safe to use from several threads; one text is encoded at a time. ``close`` it: a thread waits for its rest."""

    def __init__(self, source: ExportedModel, *, idle_seconds: float) -> None:
        self._source = source
        self._idle_seconds = idle_seconds
        self._using = threading.Lock()  # held while it is loaded, used or dropped
        self._encode: Callable[[Sequence[str]], np.ndarray] | None = None
        self._used_at = 0.0
        self._closed = threading.Event()
        self._resting: threading.Thread | None = None

    @property
    def loaded(self) -> bool:
        return self._encode is not None

    def load(self) -> bool:
        """Load it ahead of the first text. Returns whether it is there."""
        with self._using:
            return self._ready()

    def encode(self, texts: Sequence[str]) -> np.ndarray | None:
        """float32 [n, dim], unit rows; None where there is no export that works, or ``close`` was called."""
        with self._using:
            if not self._ready():
                return None
            assert self._encode is not None
            try:
                return self._encode(texts)
            except OutOfMemory as error:
                log.warning("too little memory for the text tower here: %s", error)
            except Exception as error:  # ONNX Runtime has its own kinds
                log.warning("the exported text tower failed and is made again: %s", error)
                self._source.discard_texts(str(error))
            self._encode = None
            return None

    def close(self) -> None:
        """Drop it; one that is just being loaded is dropped when that is done. May be called again."""
        self._closed.set()
        if self._resting is not None:
            self._resting.join()
        if self._using.acquire(blocking=False):
            self._encode = None
            self._using.release()

    def _ready(self) -> bool:
        if self._closed.is_set():
            return False
        self._used_at = time.monotonic()
        if self._encode is None:
            self._encode = self._source.load_texts()
            if self._closed.is_set():
                self._encode = None
            if self._encode is not None:
                log.info("the text tower was loaded in %.2f s", time.monotonic() - self._used_at)
                resting = threading.Thread(target=self._rest, name="photosearch-text-rest", daemon=True)
                resting.start()
                self._resting = resting  # only now: ``close``, on another thread, waits for its end
        return self._encode is not None

    def _rest(self) -> None:
        """Drop the tower when nobody has used it for a while, and give its memory back to the system."""
        while not self._closed.wait(max(0.0, self._used_at + self._idle_seconds - time.monotonic())):
            with self._using:
                if self._encode is None:
                    return
                if time.monotonic() - self._used_at >= self._idle_seconds:
                    self._encode = None
                    break
        gc.collect()
        _give_memory_back()


def _give_memory_back() -> None:
    """glibc keeps freed memory for itself unless it is told not to; other systems' allocators give it back."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
