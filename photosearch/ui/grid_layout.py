"""Where every tile of the grid lies: justified rows of equal gutters, under section headings. Free of Qt.

A long section's rows are broken greedily at the width, then stretched to fill it. Short sections (a month with two
photos) stand side by side on one line, each under its own heading, so that a sparse library is no column of holes. Only
the rows are kept, about a fifth of the tiles; a tile's rectangle is worked out when it is asked for. 100,000 tiles take
some 10 to 20 ms.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

NARROWEST, WIDEST = 0.4, 4.0
"""Proportions (width / height) are held within these; a thinner or wider photo is cropped in its tile."""
_STRETCH = 1.4
"""A row grows at most by this to fill the width."""
_NEARLY_FULL = 1.15
"""A section's last row is stretched too when this much fills it."""


class Rect(NamedTuple):
    """In content pixels: y = 0 is the top of the first heading."""

    x: int
    y: int
    width: int
    height: int

    def contains(self, x: float, y: float) -> bool:
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


class Heading(NamedTuple):
    """The heading of section number ``section``: where it begins, and the room it has."""

    section: int
    x: int
    y: int
    width: int


def proportion_sums(sizes: Sequence[tuple[int, int]] | np.ndarray) -> np.ndarray:
    """Running sums of the proportions of ``sizes`` (width, height); float64 [n + 1], from 0."""
    sums = np.zeros(len(sizes) + 1)
    if len(sizes):
        pairs = np.array(sizes, dtype=np.float64)
        ratios = np.divide(pairs[:, 0], pairs[:, 1], out=np.ones(len(pairs)), where=(pairs > 0).all(axis=1))
        np.cumsum(np.clip(ratios, NARROWEST, WIDEST), out=sums[1:])
    return sums


class GridLayout:
    """The layout of ``len(sums) - 1`` tiles.

    sums: from proportion_sums. starts: first tile of each section, ascending, the first being 0; no section is empty.
    width, row, gap, heading, block: pixels. ``row`` is the height wished for, ``heading`` that of a section's heading
    (0: none), ``block`` the least room a heading needs to stand beside another.
    """

    def __init__(
        self,
        sums: np.ndarray,
        starts: Sequence[int],
        *,
        width: int,
        row: int,
        gap: int,
        heading: int = 0,
        block: int = 0,
    ) -> None:
        self.count = len(sums) - 1
        self.width, self.gap, self.heading = max(1, width), gap, heading
        self._sums, self._starts, self._block = sums, list(starts), block
        self._row_first: list[int] = []
        """First tile of each row."""
        self._row_x: list[int] = []
        self._line_row: list[int] = []
        """First row of each line; a line holds one row, or the rows of several short sections."""
        self._line_headed: list[bool] = []
        last_rows: list[int] = []
        if self.count:
            self._break_rows(row, last_rows)
        self._row_exact = self._heights(row, last_rows)
        self._line_height = [round(self._row_exact[r]) for r in self._line_row]
        self._line_top: list[int] = []
        top = 0
        for headed, height in zip(self._line_headed, self._line_height, strict=True):
            top += heading if headed else 0
            self._line_top.append(top)
            top += height + gap
        self.height = top

    def _break_rows(self, row: int, last_rows: list[int]) -> None:
        """Fill the rows and lines. A row ends where it comes nearest to the width."""
        share = self.gap / row
        reach = (self._sums + share * np.arange(self.count + 1)).tolist()
        full = self.width / row + share
        between = 3 * self.gap
        x: int | None = None
        """Where the next short section may stand on this line."""
        for start, stop in zip(self._starts, [*self._starts[1:], self.count], strict=True):
            natural = round((reach[stop] - reach[start] - share) * row)
            taken = max(natural, self._block)
            if self.heading and natural * _NEARLY_FULL < self.width:
                if x is None or x + taken > self.width:
                    x = 0
                    self._new_line(headed=True)
                self._new_row(start, x)
                last_rows.append(len(self._row_first) - 1)
                x += taken + between
                continue
            x, first, headed = None, start, True
            while first < stop:
                self._new_line(headed=headed)
                self._new_row(first, 0)
                headed = False
                goal = reach[first] + full
                after = bisect_left(reach, goal, first + 1, stop + 1)
                if after > stop:
                    last_rows.append(len(self._row_first) - 1)
                    break
                if after - 1 > first and goal - reach[after - 1] < reach[after] - goal:
                    after -= 1
                first = after

    def _new_line(self, *, headed: bool) -> None:
        self._line_row.append(len(self._row_first))
        self._line_headed.append(headed)

    def _new_row(self, first: int, x: int) -> None:
        self._row_first.append(first)
        self._row_x.append(x)

    def _heights(self, row: int, last_rows: list[int]) -> list[float]:
        """The exact height of each row: full rows fill the width, the last of a section keeps the height wished for."""
        first = np.array(self._row_first, dtype=np.int64)
        after = np.append(first[1:], self.count) if len(first) else first
        gutters = self.gap * (after - first - 1)
        exact = (self.width - gutters) / np.maximum(self._sums[after] - self._sums[first], 1e-9)
        kept = np.zeros(len(first), dtype=bool)
        kept[last_rows] = True
        exact = np.where(kept, np.where(exact < row * _NEARLY_FULL, exact, row), exact)
        # Rows that share a line have one height, the wished one: none of them is near to filling the width.
        return np.clip(exact, 1.0, row * _STRETCH).tolist()

    # Lines and rows

    @property
    def lines(self) -> int:
        return len(self._line_row)

    def _line_of(self, tile: int) -> int:
        row = bisect_right(self._row_first, tile) - 1
        return bisect_right(self._line_row, row) - 1

    def _rows_of(self, line: int) -> range:
        stop = self._line_row[line + 1] if line + 1 < self.lines else len(self._row_first)
        return range(self._line_row[line], stop)

    def _first_of(self, row: int) -> int:
        return self._row_first[row] if row < len(self._row_first) else self.count

    def line_tiles(self, line: int) -> range:
        """The tiles of a line, left to right."""
        rows = self._rows_of(line)
        return range(self._first_of(rows.start), self._first_of(rows.stop))

    def _tiles(self, line: int) -> Iterator[tuple[int, Rect]]:
        for row in self._rows_of(line):
            for tile in range(self._first_of(row), self._first_of(row + 1)):
                yield tile, self._rect(line, row, tile)

    def _rect(self, line: int, row: int, tile: int) -> Rect:
        first, height = self._row_first[row], self._row_exact[row]
        base = self._sums[first]
        shift = self._row_x[row] + (tile - first) * self.gap
        left = round((self._sums[tile] - base) * height)
        right = round((self._sums[tile + 1] - base) * height)
        return Rect(left + shift, self._line_top[line], max(1, right - left), self._line_height[line])

    # Asking

    def rect(self, tile: int) -> Rect:
        """The rectangle of a tile. Raises IndexError where there is none."""
        if not 0 <= tile < self.count:
            raise IndexError(tile)
        row = bisect_right(self._row_first, tile) - 1
        return self._rect(bisect_right(self._line_row, row) - 1, row, tile)

    def same_line(self, a: int, b: int) -> bool:
        return self._line_of(a) == self._line_of(b)

    def visible(self, top: int, bottom: int) -> Iterator[tuple[int, Rect]]:
        """Tiles whose lines touch the band ``top`` to ``bottom``, in order."""
        line = max(0, bisect_right(self._line_top, top) - 1)
        while line < self.lines and self._line_top[line] < bottom:
            if self._line_top[line] + self._line_height[line] > top:
                yield from self._tiles(line)
            line += 1

    def headings(self, top: int, bottom: int) -> Iterator[Heading]:
        """The headings that touch the band."""
        if not self.heading:
            return
        line = max(0, bisect_right(self._line_top, top) - 1)
        while line < self.lines and self._line_top[line] - self.heading < bottom:
            if self._line_headed[line] and self._line_top[line] > top:
                rows = self._rows_of(line)
                for row in rows:
                    x = self._row_x[row]
                    stop = self._row_x[row + 1] - 3 * self.gap if row + 1 < rows.stop else self.width
                    section = self.section_of(self._row_first[row])
                    yield Heading(section, x, self._line_top[line] - self.heading, stop - x)
            line += 1

    def section_of(self, tile: int) -> int:
        return bisect_right(self._starts, tile) - 1

    def tile_at(self, x: float, y: float) -> int | None:
        """The tile under a point, None between tiles."""
        line = bisect_right(self._line_top, y) - 1
        if line < 0:
            return None
        return next((tile for tile, rect in self._tiles(line) if rect.contains(x, y)), None)

    def first_at(self, y: float) -> int:
        """The first tile of the line at or under ``y``; 0 for an empty grid."""
        if not self.count:
            return 0
        return self.line_tiles(max(0, bisect_right(self._line_top, y) - 1)).start

    def within(self, band: Rect) -> list[int]:
        """Tiles that touch a rectangle."""
        return [
            tile
            for tile, rect in self.visible(band.y, band.y + band.height)
            if rect.x < band.x + band.width and band.x < rect.x + rect.width
        ]

    def above_or_below(self, tile: int, x: float, *, lines: int) -> int:
        """The tile ``lines`` lines down (up when negative) whose middle is nearest to ``x``; stops at the ends."""
        line = min(max(self._line_of(tile) + lines, 0), self.lines - 1)
        return min(self._tiles(line), key=lambda one: abs(one[1].x + one[1].width / 2 - x))[0]

    def middle(self, tile: int) -> float:
        """The horizontal middle of a tile."""
        rect = self.rect(tile)
        return rect.x + rect.width / 2
