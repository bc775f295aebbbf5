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
        self.peak_own_mb = 0.0
        """The most of it that is no mapped file, which the system could drop and read again."""
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
            total = own = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    info = process.memory_full_info()
                    total += getattr(info, "pss", info.rss)
                    own += info.rss - getattr(info, "shared", 0)
                except psutil.Error:
                    continue
            self.peak_own_mb = max(self.peak_own_mb, own / 1e6)
            self.samples.append((time.perf_counter() - began, total / 1e6))
