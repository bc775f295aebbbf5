"""Turns counts into progress that can be believed: a rate over the last minute, and a time left that does not jump.

Photos are done in bursts, a batch at a time, and a slow moment must not turn four minutes into twenty and back. So the
rate is that of a whole minute (and of at least a few bursts); the time left follows that of three minutes unless the
last one is clearly another, and is told in steps, which go down when they should and up only after a while.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable

from photosearch.progress import Phase, Progress

_REPORT_EVERY_S = 0.1
_RATE_WINDOW_S = 60.0
_LONG_WINDOW_S = 180.0
_CLEARLY_ANOTHER = 0.4
_FEWEST_BURSTS = 4
_RATE_AFTER_S = 1.0
TIME_LEFT_AFTER_S = 5.0
"""No time left is told before there is so much evidence (and a few bursts)."""
_UP_AFTER_S = 15.0
_DOWN_AFTER_S = 2.0
_UP_STEPS, _DOWN_STEPS = 1.25, 0.75
_STEPS_MIN = (
    *range(11), 12, *range(15, 31, 5), *range(40, 61, 10), *range(75, 121, 15), *range(150, 361, 30),
    *range(420, 1441, 60),
)  # fmt: skip
_DAY_S = 86_400.0


class Meter:
    """Progress of one run over ``total`` photos, told to ``report`` at most ten times a second."""

    def __init__(
        self, total: int, report: Callable[[Progress], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total = total
        self._report = report
        self._clock = clock
        self._bursts: deque[tuple[float, int]] = deque()
        """When how many were done; one entry a change."""
        self._left = TimeLeft()
        self._last = float("-inf")

    def set_total(self, total: int) -> None:
        """More work was found, or some of it went away."""
        self._total = total

    def restart(self) -> None:
        """The work stood still on purpose: what was measured before the pause says nothing now."""
        self._bursts.clear()
        self._left = TimeLeft()

    def report(self, phase: Phase, *, done: int, problems: int, force: bool = False) -> None:
        now = self._clock()
        if now - self._last < _REPORT_EVERY_S and not force:
            return
        self._last = now
        if not self._bursts or done != self._bursts[-1][1]:
            self._bursts.append((now, done))
        while len(self._bursts) > _FEWEST_BURSTS + 1 and now - self._bursts[1][0] >= _LONG_WINDOW_S:
            self._bursts.popleft()
        rate, left = self._rate(now, _RATE_WINDOW_S), None
        if rate and len(self._bursts) > _FEWEST_BURSTS and now - self._bursts[0][0] >= TIME_LEFT_AFTER_S:
            steady = self._rate(now, _LONG_WINDOW_S) or rate
            if abs(rate - steady) > _CLEARLY_ANOTHER * steady:
                steady = rate
            left = self._left.told((self._total - done) / steady, now=now)
        self._report(
            Progress(
                phase=phase,
                done=done,
                total=self._total,
                problems=problems,
                photos_per_second=rate,
                seconds_left=left,
            )
        )

    def _rate(self, now: float, window_s: float) -> float | None:
        """Photos a second. The time since the last burst counts as far as it is longer than usual."""
        at = bisect_right(self._bursts, now - window_s, key=lambda burst: burst[0])
        start = max(0, min(at, len(self._bursts) - 1 - _FEWEST_BURSTS))
        bursts = len(self._bursts) - 1 - start
        if bursts < 1:
            return None
        (first, done_first), (last, done_last) = self._bursts[start], self._bursts[-1]
        seconds = max(last, now - (last - first) / bursts) - first
        return (done_last - done_first) / seconds if seconds > _RATE_AFTER_S else None


class TimeLeft:
    """Holds the time left that is told still while the estimate wavers."""

    def __init__(self) -> None:
        self._told: float | None = None
        self._off_since: float | None = None
        self._too_low = False

    def told(self, estimate: float, *, now: float) -> float:
        """The seconds to tell: a sensible step (minutes, then hours) near to ``estimate``; 0 for the last moments."""
        step = nearest_step(estimate)
        if self._told is None:
            self._told = step
        below, above = _bounds(self._told)
        if below <= estimate <= above:
            self._off_since = None
            return self._told
        too_low = estimate > above
        if self._off_since is None or too_low != self._too_low:
            self._off_since, self._too_low = now, too_low
        if now - self._off_since >= (_UP_AFTER_S if too_low else _DOWN_AFTER_S):
            self._told, self._off_since = step, None
        return self._told


def nearest_step(seconds: float) -> float:
    if seconds > 60 * _STEPS_MIN[-1]:
        return _DAY_S * round(seconds / _DAY_S)
    return 60.0 * min(_STEPS_MIN, key=lambda minutes: abs(60 * minutes - seconds))


def _bounds(told: float) -> tuple[float, float]:
    """Estimates for which ``told`` may stand, in steps: further up than down, for it should count down."""
    if told >= 60 * _STEPS_MIN[-1]:
        return told - _DOWN_STEPS * _DAY_S, told + _UP_STEPS * _DAY_S
    at = _STEPS_MIN.index(round(told / 60))
    step_up = 60 * _STEPS_MIN[at + 1] - told
    below = told - _DOWN_STEPS * (told - 60 * _STEPS_MIN[at - 1]) if at else float("-inf")
    return below, told + _UP_STEPS * step_up
