"""Which tiles are selected, as ranges: selecting all of a million photos is one pair of numbers. Free of Qt."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Selection:
    """A set of row numbers, kept as sorted ranges that do not touch."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._stops: list[int] = []

    def __contains__(self, row: int) -> bool:
        at = bisect_right(self._firsts, row) - 1
        return at >= 0 and row < self._stops[at]

    def __len__(self) -> int:
        return sum(self._stops) - sum(self._firsts)

    def __iter__(self) -> Iterator[int]:
        for first, stop in zip(self._firsts, self._stops, strict=True):
            yield from range(first, stop)

    def __bool__(self) -> bool:
        return bool(self._firsts)

    @property
    def ranges(self) -> tuple[range, ...]:
        return tuple(range(a, b) for a, b in zip(self._firsts, self._stops, strict=True))

    def clear(self) -> None:
        self._firsts, self._stops = [], []

    def set(self, first: int, last: int) -> None:
        """Exactly the rows from ``first`` to ``last``, in either order, both included."""
        low, high = sorted((first, last))
        self._firsts, self._stops = [low], [high + 1]

    def replace(self, rows: Iterable[int]) -> None:
        """Exactly these rows."""
        self.clear()
        for row in sorted(set(rows)):
            if self._stops and self._stops[-1] == row:
                self._stops[-1] = row + 1
            else:
                self._firsts.append(row)
                self._stops.append(row + 1)

    def add(self, first: int, last: int) -> None:
        """The rows from ``first`` to ``last`` too."""
        low, high = sorted((first, last))
        self._rebuild([*self.ranges, range(low, high + 1)])

    def toggle(self, row: int) -> None:
        if row not in self:
            self.add(row, row)
            return
        kept: list[range] = []
        for one in self.ranges:
            kept += [range(one.start, row), range(row + 1, one.stop)] if row in one else [one]
        self._rebuild(kept)

    def _rebuild(self, ranges: Iterable[range]) -> None:
        self.clear()
        for one in sorted((r for r in ranges if r), key=lambda r: r.start):
            if self._stops and one.start <= self._stops[-1]:
                self._stops[-1] = max(self._stops[-1], one.stop)
            else:
                self._firsts.append(one.start)
                self._stops.append(one.stop)
