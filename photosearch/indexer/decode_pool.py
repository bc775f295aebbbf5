"""The decode workers: processes with a time and a memory limit each. One that crashes or hangs costs its file only.

pebble is used for just that: with ``concurrent.futures`` one crash breaks the whole pool and every file in it.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, TimeoutError
from typing import Any

from pebble import ProcessExpired, ProcessPool

from photosearch.errors import PhotoError, ProblemCode
from photosearch.indexer.worker_limits import MEMORY_LIMIT_BYTES, limit_worker

TASK_SECONDS = 20.0
_TASKS_PER_WORKER = 1000
"""A worker is replaced after so many files, which gives back what decoders leak."""


def default_workers() -> int:
    """One per core, at most 16: the encoder's threads share them, and the system gives each its turn."""
    return max(1, min(16, os.cpu_count() or 1))


class DecodePool:
    """Runs functions of ``decode_worker`` in worker processes. They start with the first task."""

    def __init__(
        self, workers: int, *, task_seconds: float = TASK_SECONDS, memory_bytes: int = MEMORY_LIMIT_BYTES
    ) -> None:
        self.workers = workers
        self._task_seconds = task_seconds
        self._memory_bytes = memory_bytes
        self._pool: ProcessPool | None = None
        self._lock = threading.Lock()

    def submit(self, function: Callable[..., Any], *args: Any) -> Future:
        """Run ``function(*args)`` in a worker. ``outcome_of`` turns the future into its value or a PhotoError."""
        with self._lock:
            if self._pool is None:
                self._pool = ProcessPool(
                    max_workers=self.workers,
                    max_tasks=_TASKS_PER_WORKER,
                    context=multiprocessing.get_context("spawn"),
                    initializer=limit_worker,
                    initargs=[self._memory_bytes],
                )
            return self._pool.schedule(function, args=list(args), timeout=self._task_seconds)

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run and wait. Raises PhotoError."""
        return self.outcome_of(self.submit(function, *args))

    def outcome_of(self, future: Future) -> Any:
        """The value of a finished future; raises PhotoError for whatever became of the file or the worker."""
        try:
            return future.result()
        except PhotoError:
            raise
        except TimeoutError as error:
            raise PhotoError(
                ProblemCode.TOO_SLOW, f"Decoding took more than {self._task_seconds:.0f} seconds and was stopped."
            ) from error
        except ProcessExpired as error:
            raise PhotoError(
                ProblemCode.DECODER_CRASHED, f"The decoder ended while reading it (exit code {error.exitcode})."
            ) from error
        except MemoryError as error:
            raise PhotoError(
                ProblemCode.OUT_OF_MEMORY,
                f"Decoding it takes more than {self._memory_bytes / 1024**3:.0f} GB of memory.",
            ) from error
        except Exception as error:  # process boundary: whatever a decoder raised must cost only this file
            raise PhotoError(ProblemCode.DAMAGED, f"It cannot be decoded ({type(error).__name__}: {error}).") from error

    def close(self) -> None:
        """End the workers, whatever they are doing. Idempotent; a later submit starts new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()
            pool.join()
