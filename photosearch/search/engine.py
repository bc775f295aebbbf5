"""Ranking: one vector from words and pictures, the nearest photos, and what their nearness means."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from photosearch.search.query import phrasings
from photosearch.search.strength import middle_and_spread, strengths
from photosearch.vectors import VectorIndex

_BACKGROUND_SAMPLE = 4000
_SAMPLE_SEED = 20
_CACHED_TEXTS = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """One photo that was found. ``parts``: its cosine to each term of the query, in order (words, then pictures)."""

    photo_id: int
    similarity: float
    strength: float
    parts: tuple[float, ...]


class Engine:
    """Answers queries over one index. Safe to use from several threads."""

    def __init__(self, index: VectorIndex, encode_texts: Callable[[Sequence[str]], np.ndarray]) -> None:
        self._index = index
        self._encode_texts = encode_texts
        self._lock = threading.Lock()
        self._texts: dict[str, np.ndarray] = {}
        self._sample: tuple[int, np.ndarray] = (-1, np.empty((0, index.dim), np.float32))

    def text_vector(self, words: str) -> np.ndarray:
        """float32 [dim], unit length. The last few hundred are remembered, so typing back and forth costs nothing."""
        with self._lock:
            if words in self._texts:
                return self._texts[words]
        vector = _unit(self._encode_texts(phrasings(words)).sum(axis=0))
        with self._lock:
            while len(self._texts) >= _CACHED_TEXTS:
                del self._texts[next(iter(self._texts))]
            self._texts[words] = vector
        return vector

    def answer(self, terms: Sequence[np.ndarray], *, count: int, without: frozenset[int] = frozenset()) -> list[Answer]:
        """The ``count`` photos nearest to all terms together, best first.

        terms: unit vectors float32 [dim]. without: photos that are themselves the question.
        """
        sample = self._background()
        query = _together(terms, sample)
        ids, similarities = self._index.search(query, count + len(without))
        keep = [i for i, photo_id in enumerate(ids) if int(photo_id) not in without][:count]
        ids, similarities = ids[keep], similarities[keep]
        strong = strengths(similarities, background=sample @ query, library_size=len(self._index))
        found, vectors = self._index.vectors(ids)
        parts = dict(zip(found.tolist(), (vectors @ np.stack(terms).T).tolist(), strict=True))
        return [
            Answer(int(i), float(s), float(p), tuple(parts.get(int(i), ())))
            for i, s, p in zip(ids, similarities, strong, strict=True)
        ]

    def _background(self) -> np.ndarray:
        """float32 [m, dim]: a random sample of the library, drawn anew when the library has changed by a tenth."""
        with self._lock:
            size, sample = self._sample
            if size < 0 or abs(len(self._index) - size) > 0.1 * size:
                ids = self._index.ids()
                if len(ids) > _BACKGROUND_SAMPLE:
                    ids = np.random.default_rng(_SAMPLE_SEED).choice(ids, _BACKGROUND_SAMPLE, replace=False)
                sample = self._index.vectors(ids)[1]
                self._sample = (len(self._index), sample)
            return sample


def _together(terms: Sequence[np.ndarray], sample: np.ndarray) -> np.ndarray:
    """One query of several terms, in which each has the same say; float32 [dim], unit length.

    terms: unit vectors float32 [dim]. sample: float32 [m, dim], photos of the library. Pictures are far nearer to some
    pictures than to others, and words less so (the modality gap, Liang et al. 2022); in a plain sum the words would
    hardly matter. So each term counts by how far a photo stands out from the library for it.
    """
    if len(terms) > 1 and len(sample):
        terms = [term / middle_and_spread(sample @ term)[1] for term in terms]
    return _unit(np.sum(terms, axis=0))


def _unit(vector: np.ndarray) -> np.ndarray:
    """Opposite vectors may cancel out; what is left then points nowhere in particular, but must not be NaN."""
    length = float(np.linalg.norm(vector))
    if length < 1e-6:
        return np.full(len(vector), 1 / np.sqrt(len(vector)), np.float32)
    return (vector / length).astype(np.float32)
