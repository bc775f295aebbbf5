"""A USearch HNSW graph of float16 vectors, searched exactly while that is as fast, and its file with a manifest.

The graph is a cache. A damaged USearch file can end or hang the process at the first search, so a file is loaded only
if its size and checksum are those that its manifest states; otherwise IndexDamaged is raised and the caller builds it
anew.
Vectors are added with one thread: several leave some that no search ever reaches (unum-cloud/USearch#735). That takes
about a third of a millisecond each, so a graph that has to be made anew is grown in the background while ``hold`` keeps
the vectors it lacks where every search compares them one by one.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from usearch.index import Index

from photosearch.errors import IndexDamaged, display_path
from photosearch.vectors.flat import FlatVectors

EXACT_UP_TO = 50_000
"""Up to so many vectors every one is compared: as fast as the graph, and right."""

RECALL_FLOOR = 0.9
"""A graph that finds fewer of the true neighbours than this is made anew."""
_RECALL_SAMPLES = 50
_RECALL_AT = 10
_AS_NEAR = 1e-3
"""float16 numbers tell cosines apart by about so much."""

_FORMAT = 1
_CONNECTIVITY = 16
_EXPANSION_ADD = 128
_EXPANSION_SEARCH = 256
_AT_ONCE = 10_000
_WORN_AT = 1 / 3
"""Removing leaves holes in the graph, and its memory is not given back; with so many it is made anew."""
_SMALLEST_NORM = 1e-3


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What the file beside the graph says of it."""

    format: int
    model: str
    dim: int
    count: int
    bytes: int
    blake2b: str
    recall: float | None = None
    recall_samples: int = 0


@dataclass(frozen=True, slots=True)
class Recall:
    """How many of the ten nearest vectors the graph finds, as a share, measured with so many random vectors."""

    share: float
    samples: int

    def __str__(self) -> str:
        return f"recall@{_RECALL_AT} {self.share:.3f} on {self.samples} samples"


class VectorIndex:
    """Unit vectors by photo id. Safe to use from several threads.

    Similarity is the cosine. Method: HNSW (Malkov and Yashunin 2018) by USearch, M = 16, efConstruction = 128.
    """

    def __init__(self, *, model: str, dim: int) -> None:
        self.model = model
        self.dim = dim
        self._lock = threading.RLock()
        self._graph = _empty_graph(dim)
        self._held = FlatVectors(dim)
        self._dirty = False
        self.recall: Recall | None = None
        """As last measured; None while every search is exact."""

    def __len__(self) -> int:
        with self._lock:
            return len(self._graph) + len(self._held)

    @property
    def dirty(self) -> bool:
        """True when the file, if any, is behind."""
        return self._dirty

    def ids(self) -> np.ndarray:
        """int64 [n], ascending."""
        with self._lock:
            keys = np.asarray(self._graph.keys[: len(self._graph)]) if len(self._graph) else np.empty(0, np.uint64)
            return np.sort(np.concatenate([keys.astype(np.int64), self._held.ids]))

    def add(self, photo_ids: np.ndarray, vectors: np.ndarray) -> None:
        """Add or replace. vectors: float [n, dim], finite and not zero (the graph would answer nonsense).

        Raises ValueError for others.
        """
        ids, vectors = self._checked(photo_ids, vectors)
        if not len(ids):
            return
        with self._lock:
            self.remove(ids)
            self._graph.add(ids.astype(np.uint64), np.ascontiguousarray(vectors, np.float16), threads=1)
            self._dirty = True

    def hold(self, photo_ids: np.ndarray, vectors: np.ndarray) -> None:
        """Like ``add``, but at once: searches see the vectors, and ``grow`` moves them into the graph later."""
        ids, vectors = self._checked(photo_ids, vectors)
        with self._lock:
            self.remove(ids)
            self._held.add(ids, vectors)

    def grow(self, count: int) -> int:
        """Move up to ``count`` held vectors into the graph; returns how many are left."""
        with self._lock:
            ids, rows = self._held.take(count)
            if len(ids):
                self._graph.add(ids.astype(np.uint64), np.ascontiguousarray(rows), threads=1)
                self._dirty = True
            return len(self._held)

    @property
    def held(self) -> int:
        """How many vectors the graph lacks."""
        return len(self._held)

    def measure(self, *, seed: int) -> Recall | None:
        """Compare the graph with exact search on random vectors of its own; takes about 10 ms a sample for 100,000.

        None, and not measured, while searches are exact anyway or the graph is still growing. ``recall`` keeps it.
        """
        with self._lock:
            if len(self._graph) <= EXACT_UP_TO or len(self._held):
                self.recall = None
                return None
            keys = np.asarray(self._graph.keys[: len(self._graph)])
        probes = np.random.default_rng(seed).choice(keys, min(_RECALL_SAMPLES, len(keys)), replace=False)
        hits = wanted = samples = 0
        for probe in probes:  # searches of others come between two of them
            with self._lock:
                ids, rows = self.vectors(np.array([probe]))
                if not len(ids):
                    continue  # removed meanwhile
                near_ids, near = self._search_graph(rows[0], _RECALL_AT + 1)
                right_ids, right = self._search_graph(rows[0], _RECALL_AT + 1, exact=True)
            # Of several that are equally near, any will do; the photo itself is no find.
            nearest = right[right_ids != probe][:_RECALL_AT]
            least = nearest.min(initial=1.0) - _AS_NEAR
            hits += min(len(nearest), int(np.count_nonzero(near[near_ids != probe] >= least)))
            wanted += len(nearest)
            samples += 1
        self.recall = Recall(hits / max(1, wanted), samples)
        return self.recall

    def start_over(self) -> None:
        """Throw the graph away and keep its vectors: until ``grow`` made another, every one is compared."""
        with self._lock:
            ids = self.ids()
            parts = [self.vectors(ids[at : at + _AT_ONCE]) for at in range(0, len(ids), _AT_ONCE)]
            self._graph = _empty_graph(self.dim)
            self._held = FlatVectors(self.dim)
            for part_ids, rows in parts:
                self._held.add(part_ids, rows.astype(np.float16))
            self._dirty, self.recall = True, None

    def _checked(self, photo_ids: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ids int64, each once, and their vectors. Raises ValueError for vectors that cannot be searched."""
        if vectors.shape != (len(photo_ids), self.dim):
            raise ValueError(f"vectors have shape {vectors.shape}, expected {(len(photo_ids), self.dim)}")
        if not usable(vectors).all():
            raise ValueError("vectors must be finite and not zero")
        # Of an id given twice the last vector counts; USearch would refuse both.
        ids, last = np.unique(np.asarray(photo_ids, np.int64)[::-1], return_index=True)
        return ids, vectors[::-1][last]

    def remove(self, photo_ids: np.ndarray) -> None:
        """Take photos out; unknown ids are ignored."""
        keys = np.asarray(photo_ids, np.uint64)
        with self._lock:
            if len(self._held):
                self._held.remove(np.asarray(photo_ids, np.int64))
            if not len(keys) or not len(self._graph):
                return
            keys = keys[np.asarray(self._graph.contains(keys)).reshape(-1)]
            if len(keys):
                self._graph.remove(keys)
                self._dirty = True

    def search(self, vector: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(photo ids int64 [m], cosines float32 [m]), best first, m <= count. Exact up to EXACT_UP_TO vectors."""
        query = _checked_query(vector, self.dim)
        with self._lock:
            ids, similarities = self._search_graph(query, count)
            if not len(self._held):
                return ids, similarities
            held_ids, held_similarities = self._held.search(query, count)
        ids, similarities = np.concatenate([ids, held_ids]), np.concatenate([similarities, held_similarities])
        best = np.argsort(-similarities, kind="stable")[: max(0, count)]
        return ids[best], similarities[best]

    def _search_graph(self, query: np.ndarray, count: int, *, exact: bool = False) -> tuple[np.ndarray, np.ndarray]:
        count = min(count, len(self._graph))
        if count <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        exact = exact or len(self._graph) <= EXACT_UP_TO
        if not exact:
            self._graph.expansion_search = max(_EXPANSION_SEARCH, 2 * count)  # type: ignore[misc]
        found = self._graph.search(query.astype(np.float16), count, exact=exact, threads=1)
        return np.asarray(found.keys).astype(np.int64), 1.0 - np.asarray(found.distances, np.float32)

    def vectors(self, photo_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(ids int64 [m], float32 [m, dim]) of those among the ids that are here, in the order given."""
        wanted = np.asarray(photo_ids, np.int64)
        with self._lock:
            in_graph = np.zeros(len(wanted), bool)
            if len(wanted) and len(self._graph):
                in_graph = np.asarray(self._graph.contains(wanted.astype(np.uint64))).reshape(-1)
            rows = np.empty((len(wanted), self.dim), np.float32)
            if in_graph.any():
                found = self._graph.get(wanted[in_graph].astype(np.uint64))
                rows[in_graph] = np.stack(list(found)).reshape(-1, self.dim)  # type: ignore[arg-type]
            held_ids, held_rows = self._held.rows_of(wanted)
        in_held = np.isin(wanted, held_ids)
        rows[in_held] = held_rows
        here = in_graph | in_held
        return wanted[here], rows[here]

    def save(self, file: Path) -> None:
        """Write beside, sync, rename, the manifest last: a crash leaves a pair that fits, or one that is refused.

        Raises OSError where the disk is full or cannot be written; what was there before stays.
        """
        unfinished = file.with_suffix(".unfinished")
        try:
            self._write(file, unfinished)
        except RuntimeError as error:  # USearch's word for a file that it could not write
            raise OSError(str(error)) from error
        finally:
            unfinished.unlink(missing_ok=True)

    def _write(self, file: Path, unfinished: Path) -> None:
        with self._lock:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._graph.save(os.fspath(unfinished))
            with unfinished.open("r+b") as written:
                os.fsync(written.fileno())
            if unfinished.stat().st_size != self._graph.serialized_length:
                raise OSError(f"{display_path(unfinished)} was not written in full")
            manifest = _Manifest(
                format=_FORMAT,
                model=self.model,
                dim=self.dim,
                count=len(self._graph),
                bytes=unfinished.stat().st_size,
                blake2b=_checksum(unfinished),
                recall=self.recall.share if self.recall else None,
                recall_samples=self.recall.samples if self.recall else 0,
            )
            beside = _manifest_file(file)
            temporary = beside.with_suffix(".json-unfinished")
            try:
                temporary.write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
                beside.unlink(missing_ok=True)
                unfinished.replace(file)
                temporary.replace(beside)
            finally:
                temporary.unlink(missing_ok=True)
            self._dirty = False

    @classmethod
    def load(cls, file: Path, *, model: str, dim: int) -> VectorIndex:
        """Read a file that ``save`` wrote for this model.

        Raises FileNotFoundError where there is none, IndexDamaged where it is damaged or of another model.
        """
        if not file.exists():
            raise FileNotFoundError(file)
        try:
            manifest = _Manifest(**json.loads(_manifest_file(file).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise IndexDamaged(f"{display_path(file)} has no usable manifest: {error}") from error
        if (manifest.format, manifest.model, manifest.dim) != (_FORMAT, model, dim):
            raise IndexDamaged(f"{display_path(file)} belongs to {manifest.model}, not to {model}")
        try:
            if file.stat().st_size != manifest.bytes or _checksum(file) != manifest.blake2b:
                raise IndexDamaged(f"{display_path(file)} differs from what was written")
            if _share_removed(file) > _WORN_AT:
                raise IndexDamaged(f"{display_path(file)} is worn: too much of it was removed since it was made")
            index = cls(model=model, dim=dim)
            index._graph.load(os.fspath(file))
        except (OSError, RuntimeError, ValueError) as error:
            raise IndexDamaged(f"{display_path(file)} cannot be loaded: {error}") from error
        if len(index._graph) != manifest.count or index._graph.ndim != dim:
            raise IndexDamaged(f"{display_path(file)} holds {len(index._graph)} vectors, not {manifest.count}")
        if manifest.recall is not None:
            index.recall = Recall(manifest.recall, manifest.recall_samples)
        # Loading sets it back to the default.
        index._graph.expansion_search = _EXPANSION_SEARCH  # type: ignore[misc]
        return index


def _empty_graph(dim: int) -> Index:
    return Index(
        ndim=dim,
        metric="cos",
        dtype="f16",
        connectivity=_CONNECTIVITY,
        expansion_add=_EXPANSION_ADD,
        expansion_search=_EXPANSION_SEARCH,
    )


def usable(vectors: np.ndarray) -> np.ndarray:
    """bool [n] for float [n, dim]: the vectors that point somewhere, as the float16 numbers that they are kept as."""
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(vectors.astype(np.float16).astype(np.float32), axis=1)
    return np.isfinite(norms) & (norms > _SMALLEST_NORM)


def _share_removed(file: Path) -> float:
    facts = Index.metadata(os.fspath(file)) or {}
    removed = facts.get("count_deleted", 0)
    return removed / max(1, removed + facts.get("count_present", 0))


def _manifest_file(file: Path) -> Path:
    return file.with_suffix(".json")


def _checksum(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _checked_query(vector: np.ndarray, dim: int) -> np.ndarray:
    query = np.asarray(vector, np.float32).reshape(-1)
    if query.shape != (dim,):
        raise ValueError(f"the query has {query.shape[0]} dimensions, expected {dim}")
    if not np.isfinite(query).all() or not np.any(query):
        raise ValueError("the query vector must be finite and not zero")
    return query
