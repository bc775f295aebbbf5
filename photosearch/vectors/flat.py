"""Vectors without a graph: a float16 matrix that is compared row by row. Ready at once, and exact."""

from __future__ import annotations

import numpy as np
from usearch.index import search


class FlatVectors:
    """Unit vectors by photo id. Not safe for several threads; ``VectorIndex`` guards it."""

    def __init__(self, dim: int) -> None:
        self.ids = np.empty(0, np.int64)
        self._rows = np.empty((0, dim), np.float16)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, ids: np.ndarray, rows: np.ndarray) -> None:
        """Ids that are not here yet. rows: float [n, dim]."""
        self.ids = np.concatenate([self.ids, ids])
        self._rows = np.concatenate([self._rows, rows.astype(np.float16)])

    def remove(self, ids: np.ndarray) -> int:
        """Take photos out; unknown ids are ignored. Returns how many were here."""
        before = len(self)
        stays = np.isin(self.ids, ids, invert=True)
        self.ids, self._rows = self.ids[stays], self._rows[stays]
        return before - len(self)

    def take(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Remove the first ``count`` and return them: ids int64 [m], rows float16 [m, dim]."""
        taken = self.ids[:count], self._rows[:count]
        self.ids, self._rows = self.ids[count:], self._rows[count:]
        return taken

    def search(self, query: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(ids int64 [m], cosines float32 [m]), best first. query: float32 [dim], finite, not zero."""
        count = min(count, len(self))
        if count <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        rows = np.ascontiguousarray(self._rows)
        found = search(rows, query.astype(np.float16), count, "cos", exact=True, threads=1)
        return self.ids[np.asarray(found.keys, np.int64)], 1.0 - np.asarray(found.distances, np.float32)

    def rows_of(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(ids int64 [m], float32 [m, dim]) of those among the ids that are here, in the order given."""
        order = np.argsort(self.ids)
        at = np.searchsorted(self.ids, ids, sorter=order)
        at = order[np.minimum(at, len(order) - 1)] if len(order) else np.zeros(len(ids), np.int64)
        here = self.ids[at] == ids if len(order) else np.zeros(len(ids), bool)
        return ids[here], self._rows[at[here]].astype(np.float32)
