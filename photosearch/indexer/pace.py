"""How hard the indexer works just now: all it can, or gently while somebody works in the window or the battery drains.

Going gently means half of the decode workers, and a rest after each batch as long as the batch took: about half of the
speed, in small portions, so that a query never waits long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from photosearch.cores import available_cores
from photosearch.indexer.decode_pool import default_workers
from photosearch.indexer.power import on_battery

OnBattery = Literal["slow", "pause", "full"]

ACTIVE_SECONDS = 4.0
"""So long after the last key, turn of the wheel or search somebody is taken to work in the window."""
POWER_LOOK_SECONDS = 30.0
_LONGEST_REST_S = 3.0


@dataclass(frozen=True, slots=True)
class Gait:
    """What may be done now. ``decoding``: tasks under way in the workers. ``alternate``: decode or encode, not both."""

    decoding: int
    gentle: bool
    halted: bool
    alternate: bool

    def rest_seconds(self, batch_seconds: float) -> float:
        """How long to rest after a batch that took so long."""
        return min(_LONGEST_REST_S, batch_seconds) if self.gentle else 0.0


class Pace:
    """Asked before every step. Safe to use from several threads.

    cores: how many of them may be used; 0 for all. on_battery: what to do there. in_background is False where somebody
    waits for the end: then only the number of cores counts. power: whether the computer runs on its battery.
    """

    def __init__(
        self,
        *,
        cores: int = 0,
        on_battery: OnBattery = "slow",
        in_background: bool = True,
        power: Callable[[], bool] = on_battery,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cores = min(cores, available_cores()) or available_cores()
        self._limited = 0 < cores < available_cores()
        self._on_battery = on_battery
        self._in_background = in_background
        self._power = power
        self._clock = clock
        self._active_until = float("-inf")
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._drains = False

    @property
    def workers(self) -> int:
        """Decode workers to start; of limited cores, those that the encoder's threads leave."""
        return max(1, self._cores - encoder_threads(self._cores)) if self._limited else default_workers()

    def note_activity(self) -> None:
        """Somebody works in the window, or searches."""
        self._active_until = self._clock() + ACTIVE_SECONDS

    def now(self) -> Gait:
        drains = self._in_background and self._on_battery != "full" and self._on_drain()
        active = self._in_background and self._clock() < self._active_until
        gentle = drains or active
        return Gait(
            decoding=max(1, self.workers // 2) if gentle else 2**30,
            gentle=gentle,
            halted=drains and self._on_battery == "pause",
            alternate=self._limited and self._cores == 1,
        )

    def _on_drain(self) -> bool:
        with self._lock:
            if self._clock() - self._looked_at >= POWER_LOOK_SECONDS:
                self._looked_at = self._clock()
                self._drains = self._power()
            return self._drains


def encoder_threads(cores: int) -> int:
    """Half of the cores: decoding needs the others."""
    return max(1, cores // 2)
