"""A USearch HNSW graph of float16 vectors, searched exactly while that is as fast, and its file with a manifest.

The graph is a cache. A damaged USearch file can end or hang the process at the first search, so a file is loaded only
if its size and checksum are those that its manifest states; otherwise IndexDamaged is raised and the caller builds it
anew.
Vectors are added with one thread: several leave some that no search ever reaches (unum-cloud/USearch#735).
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

EXACT_UP_TO = 50_000
"""Up to so many vectors every one is compared: as fast as the graph, and right."""

_FORMAT = 1
_CONNECTIVITY = 16
_EXPANSION_ADD = 128
_EXPANSION_SEARCH = 256
_SMALLEST_NORM = 1e-3


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What the file beside the graph says of it."""

    format: int
    model: str
    dim: int
    count: int
    highest_photo_id: int
    bytes: int
    blake2b: str


class VectorIndex:
    """Unit vectors by photo id. Safe to use from several threads.

    Similarity is the cosine. Method: HNSW (Malkov and Yashunin 2018) by USearch, M = 16, efConstruction = 128.
    """

    def __init__(self, *, model: str, dim: int) -> None:
        self.model = model
        self.dim = dim
        self._lock = threading.RLock()
        self._graph = Index(
            ndim=dim,
            metric="cos",
            dtype="f16",
            connectivity=_CONNECTIVITY,
            expansion_add=_EXPANSION_ADD,
            expansion_search=_EXPANSION_SEARCH,
        )
        self._dirty = False

    def __len__(self) -> int:
        return len(self._graph)

    @property
    def dirty(self) -> bool:
        """True when the file, if any, is behind."""
        return self._dirty

    @property
    def memory_bytes(self) -> int:
        return len(self) * (self.dim * 2 + _CONNECTIVITY * 10)

    def ids(self) -> np.ndarray:
        """int64 [n], ascending."""
        with self._lock:
            keys = np.asarray(self._graph.keys[: len(self._graph)]) if len(self._graph) else np.empty(0, np.uint64)
        return np.sort(keys.astype(np.int64))

    def add(self, photo_ids: np.ndarray, vectors: np.ndarray) -> None:
        """Add or replace. vectors: float [n, dim], finite and not zero (the graph would answer nonsense).

        Raises ValueError for others.
        """
        if vectors.shape != (len(photo_ids), self.dim):
            raise ValueError(f"vectors have shape {vectors.shape}, expected {(len(photo_ids), self.dim)}")
        if len(photo_ids) == 0:
            return
        if not usable(vectors).all():
            raise ValueError("vectors must be finite and not zero")
        # Of an id given twice the last vector counts; USearch would refuse both.
        keys, last = np.unique(np.asarray(photo_ids, np.uint64)[::-1], return_index=True)
        vectors = vectors[::-1][last]
        with self._lock:
            known = np.asarray(self._graph.contains(keys)).reshape(-1)
            if known.any():
                self._graph.remove(keys[known])
            self._graph.add(keys, np.ascontiguousarray(vectors, np.float16), threads=1)
            self._dirty = True

    def remove(self, photo_ids: np.ndarray) -> None:
        """Take photos out; unknown ids are ignored."""
        keys = np.asarray(photo_ids, np.uint64)
        with self._lock:
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
            count = min(count, len(self._graph))
            if count <= 0:
                return np.empty(0, np.int64), np.empty(0, np.float32)
            exact = len(self._graph) <= EXACT_UP_TO
            if not exact:
                self._graph.expansion_search = max(_EXPANSION_SEARCH, 2 * count)  # type: ignore[misc]
            found = self._graph.search(query.astype(np.float16), count, exact=exact, threads=1)
        return np.asarray(found.keys).astype(np.int64), 1.0 - np.asarray(found.distances, np.float32)

    def vectors(self, photo_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(ids int64 [m], float32 [m, dim]) of those among the ids that are here, in the order given."""
        ids = np.asarray(photo_ids, np.int64)
        with self._lock:
            if not len(ids) or not len(self._graph):
                return np.empty(0, np.int64), np.empty((0, self.dim), np.float32)
            ids = ids[np.asarray(self._graph.contains(ids.astype(np.uint64))).reshape(-1)]
            if not len(ids):
                return np.empty(0, np.int64), np.empty((0, self.dim), np.float32)
            rows = self._graph.get(ids.astype(np.uint64))
        return ids, np.stack(list(rows)).astype(np.float32).reshape(len(ids), self.dim)  # type: ignore[arg-type]

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
            ids = self.ids()
            manifest = _Manifest(
                format=_FORMAT,
                model=self.model,
                dim=self.dim,
                count=len(self._graph),
                highest_photo_id=int(ids[-1]) if len(ids) else 0,
                bytes=unfinished.stat().st_size,
                blake2b=_checksum(unfinished),
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
            index = cls(model=model, dim=dim)
            index._graph.load(os.fspath(file))
        except (OSError, RuntimeError, ValueError) as error:
            raise IndexDamaged(f"{display_path(file)} cannot be loaded: {error}") from error
        if len(index._graph) != manifest.count or index._graph.ndim != dim:
            raise IndexDamaged(f"{display_path(file)} holds {len(index._graph)} vectors, not {manifest.count}")
        # Loading sets it back to the default.
        index._graph.expansion_search = _EXPANSION_SEARCH  # type: ignore[misc]
        return index


def usable(vectors: np.ndarray) -> np.ndarray:
    """bool [n] for float [n, dim]: the vectors that point somewhere, as the float16 numbers that they are kept as."""
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(vectors.astype(np.float16).astype(np.float32), axis=1)
    return np.isfinite(norms) & (norms > _SMALLEST_NORM)


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
