"""What the grid shows: the whole library by month, or the answer to a query by how well it matches. Free of Qt.

A listing is made on a worker thread and never changes, so the window only swaps one for the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from photosearch.records import Hit, Query, SearchResult, Tile, Timeline
from photosearch.ui.grid_layout import proportion_sums

BEST_STRENGTH = 0.5
"""From this strength on a hit is shown under "Best matches"."""
_SHOWN_STRENGTH = 0.1
"""A hit below this is nothing like the query ..."""
_SHOWN_AT_LEAST = 12
"""... but so many of the nearest are shown in any case, for the user to judge."""
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    start: int
    count: int


class RowOf:
    """Finds the row of a photo id, as a dictionary would, in a twentieth of its memory. ids: int64 [n], each once."""

    def __init__(self, ids: np.ndarray) -> None:
        self._rows = np.argsort(ids).astype(np.int32)
        self._sorted = ids[self._rows]

    def get(self, photo_id: int, default: int | None = None) -> int | None:
        at = int(np.searchsorted(self._sorted, photo_id))
        if at == len(self._sorted) or self._sorted[at] != photo_id:
            return default
        return int(self._rows[at])

    def __getitem__(self, photo_id: int) -> int:
        row = self.get(photo_id)
        if row is None:
            raise KeyError(photo_id)
        return row

    def __contains__(self, photo_id: int) -> bool:
        return self.get(photo_id) is not None


@dataclass(frozen=True, slots=True)
class Listing:
    """Tiles in the order shown; ``sums`` for their layout; ``row_of`` finds a photo's row."""

    tiles: Sequence[Tile] = ()
    sections: tuple[Section, ...] = ()
    sums: np.ndarray = field(default_factory=lambda: np.zeros(1))
    row_of: RowOf = field(default_factory=lambda: RowOf(np.empty(0, np.int64)))
    query: Query | None = None
    hits: tuple[Hit, ...] = ()
    """For a query: the hit of each row."""
    searched: int = 0
    """For a query: among how many photos."""
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.tiles)

    @property
    def best(self) -> int:
        """How many hits match well."""
        return sum(hit.strength >= BEST_STRENGTH for hit in self.hits)


def month_title(taken: str | None) -> str:
    """``March 2014`` for an ISO date, ``No date`` without one."""
    try:
        year, month = int(taken[:4]), int(taken[5:7])  # type: ignore[index]
        return f"{MONTHS[month - 1]} {year}" if 1 <= month <= 12 else "No date"
    except (TypeError, ValueError):
        return "No date"


def day_text(taken: str | None) -> str:
    """``2 March 2014`` for an ISO date, nothing without one."""
    title = month_title(taken)
    if taken is None or title == "No date":
        return ""
    day = taken[8:10]
    return f"{int(day)} {title}" if day.isdigit() and day != "00" else title


def of_library(tiles: Sequence[Tile]) -> Listing:
    """All photos in the order given (newest first), cut where the month changes."""
    timeline = tiles if isinstance(tiles, Timeline) else Timeline.of(tiles)
    months = np.frombuffer(bytes(timeline.taken), f"S{Timeline.TAKEN_BYTES}").astype("S7")
    starts = [0, *(np.flatnonzero(months[1:] != months[:-1]) + 1).tolist()] if len(timeline) else []
    sections = (
        Section(month_title(months[start].decode("ascii")), start, stop - start)
        for start, stop in pairwise([*starts, len(timeline)])
    )
    return Listing(
        tiles=timeline, sections=tuple(sections), sums=_sums(timeline), row_of=RowOf(np.array(timeline.ids, np.int64))
    )


def _sums(timeline: Timeline) -> np.ndarray:
    return proportion_sums(np.stack([np.array(timeline.widths), np.array(timeline.heights)], axis=1))


def of_search(result: SearchResult) -> Listing:
    """The hits, best first, in two sections."""
    hits = tuple(hit for at, hit in enumerate(result.hits) if at < _SHOWN_AT_LEAST or hit.strength >= _SHOWN_STRENGTH)
    tiles = Timeline.of((hit.photo_id, hit.width, hit.height, hit.taken, hit.away) for hit in hits)
    best = sum(hit.strength >= BEST_STRENGTH for hit in hits)
    sections = []
    if best:
        sections.append(Section("Best matches", 0, best))
    if len(hits) > best:
        sections.append(Section("Weaker matches", best, len(hits) - best))
    return Listing(
        tiles=tiles,
        sections=tuple(sections),
        sums=_sums(tiles),
        row_of=RowOf(np.array(tiles.ids, np.int64)),
        query=result.query,
        hits=hits,
        searched=result.searched,
        seconds=result.seconds,
    )
