"""How much memory a process and its children hold together, looked at now and then."""

from __future__ import annotations

import threading
import time

import psutil

_LOOK_EVERY_S = 0.1


class MemoryWatch:
    """Watches this process and its children while it is entered.

    Proportional set sizes are added up where the system tells them (Linux): memory that two share counts once.
    """

    def __init__(self, *, every_s: float = _LOOK_EVERY_S) -> None:
        self.samples: list[tuple[float, float]] = []
        """(seconds since the beginning, MB)."""
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    @property
    def peak_mb(self) -> float:
        return max((mb for _, mb in self.samples), default=0.0)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        me, began = psutil.Process(), time.perf_counter()
        while not self._stop.wait(self._every_s):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    info = process.memory_full_info()
                    total += getattr(info, "pss", info.rss)
                except psutil.Error:
                    continue
            self.samples.append((time.perf_counter() - began, total / 1e6))
