"""Keeps encoding when the device does not: halves the batch when memory runs out, moves to the CPU when it is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np

from photosearch.model.runtime import DeviceLost, OutOfMemory, Runtime

log = logging.getLogger(__name__)

_CPU = "cpu"


def _nothing() -> None:
    """Between batches, nobody waits."""


class SteadyRuntime:
    """A runtime that survives its device.

    runtime: where work starts. on_cpu: makes the runtime to go on with, called at most once.
    A batch that did not fit stays halved: the memory is shared with other programs, and trying again costs a failure.
    """

    def __init__(self, runtime: Runtime, on_cpu: Callable[[], Runtime]) -> None:
        self._runtime = runtime
        self._on_cpu = on_cpu
        self._batch = max(1, runtime.batch)

    @property
    def device(self) -> str:
        return self._runtime.device

    @property
    def precision(self) -> str:
        return self._runtime.precision

    @property
    def batch(self) -> int:
        """Images in one go, as far as it is known to fit."""
        return self._batch

    def encode_images(self, pixels: np.ndarray, *, between: Callable[[], None] = _nothing) -> np.ndarray:
        """uint8 [n, height, width, 3], any n ≥ 1, to float32 [n, dim]; ``between`` is called after each batch.

        Raises OutOfMemory when even one image does not fit the CPU's memory.
        """
        return self._encode(lambda part: self._runtime.encode_images(part), pixels, between)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """n ≥ 1 texts to float32 [n, dim]. Raises as ``encode_images``."""
        return self._encode(lambda part: self._runtime.encode_texts(part), texts, _nothing)

    def _encode(self, encode: Callable, items: Sequence | np.ndarray, between: Callable[[], None]) -> np.ndarray:
        done: list[np.ndarray] = []
        at = 0
        while at < len(items):
            part = items[at : at + self._batch]
            try:
                rows = encode(part)
            except OutOfMemory as error:
                self._shrink(len(part), error)
                continue
            except DeviceLost as error:
                self._move(error)
                continue
            done.append(rows)
            at += len(part)
            between()
        return np.concatenate(done)

    def _shrink(self, tried: int, error: OutOfMemory) -> None:
        if tried > 1:
            self._batch = tried // 2
            log.warning("out of memory on %s with %d at once; going on with %d", self.device, tried, self._batch)
        elif self.device == _CPU:
            raise error
        else:
            self._move(error)

    def _move(self, error: Exception) -> None:
        if self.device == _CPU:
            raise error
        lost = self.device
        self._runtime = self._on_cpu()
        self._batch = max(1, self._runtime.batch)
        log.warning("%s cannot be used any more (%s); going on with the CPU", lost, error)
