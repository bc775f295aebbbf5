"""The models and their vectors. The float16 BLOBs here are the truth; every index is built from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from photosearch.catalog.database import Database

_CHUNK = 10_000


class ModelRow(NamedTuple):
    id: int
    identity: str
    name: str
    dim: int


class Embeddings:
    """Rows of ``model`` and ``embedding``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, identity: str, *, name: str, dim: int) -> int:
        """The id of a model, remembered from now on."""
        with self._database.writing() as db:
            db.execute(
                "INSERT INTO model (identity, name, dim) VALUES (?, ?, ?)"
                " ON CONFLICT (identity) DO UPDATE SET name = excluded.name",
                (identity, name, dim),
            )
            return db.execute("SELECT id FROM model WHERE identity = ?", (identity,)).fetchone()[0]

    def models(self) -> list[tuple[ModelRow, int]]:
        """Every model that was used here, with the number of its embeddings."""
        with self._database.reading() as db:
            return [
                (ModelRow(*row[:4]), row[4])
                for row in db.execute(
                    "SELECT id, identity, name, dim, (SELECT count(*) FROM embedding WHERE model_id = model.id)"
                    " FROM model ORDER BY id"
                )
            ]

    def ids(self, model_id: int) -> np.ndarray:
        """int64 [n], ascending: the photos in sight that have a vector of the model."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT photo_id FROM embedding JOIN photo ON photo.id = photo_id"
                " WHERE model_id = ? AND orphaned_at IS NULL ORDER BY photo_id",
                (model_id,),
            ).fetchall()
        return np.fromiter((r[0] for r in rows), np.int64, len(rows))

    def count_beyond(self, model_id: int, other_id: int | None) -> int:
        """How many photos in sight have a vector of the model and none of the other."""
        with self._database.reading() as db:
            return db.execute(
                "SELECT count(*) FROM embedding JOIN photo ON photo.id = photo_id"
                " WHERE model_id = ? AND orphaned_at IS NULL AND photo_id NOT IN"
                " (SELECT photo_id FROM embedding WHERE model_id = ?)",
                (model_id, other_id),
            ).fetchone()[0]

    def vectors(self, model_id: int, photo_ids: Sequence[int] | np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(ids int64 [m], float16 [m, dim]) in chunks; ids without a vector are left out."""
        for start in range(0, len(photo_ids), _CHUNK):
            part = [int(p) for p in photo_ids[start : start + _CHUNK]]
            marks = ",".join("?" * len(part))
            with self._database.reading() as db:
                rows = db.execute(
                    f"SELECT photo_id, vector FROM embedding WHERE model_id = ? AND photo_id IN ({marks})",
                    (model_id, *part),
                ).fetchall()
            if rows:
                blob = b"".join(r[1] for r in rows)
                yield (
                    np.fromiter((r[0] for r in rows), np.int64, len(rows)),
                    np.frombuffer(blob, "<f2").reshape(len(rows), -1),
                )
