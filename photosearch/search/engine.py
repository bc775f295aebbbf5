"""Ranking: one vector from words and pictures, the nearest photos, and what their nearness means."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from photosearch.search.query import is_short, phrasings
from photosearch.search.strength import everyday_standings, middle_and_spread, strengths, word_strengths
from photosearch.vectors import VectorIndex

_BACKGROUND_SAMPLE = 4000
_STANDINGS_SAMPLE = 1000
_JUDGED_TOGETHER = 200
"""So many photos are looked at for a word, even where fewer are wanted: how many show it tells of each."""
_SAMPLE_SEED = 20
_CACHED_TEXTS = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """One photo that was found. ``parts``: its cosine to each term of the query, in order (words, then pictures)."""

    photo_id: int
    similarity: float
    strength: float
    parts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Background:
    """A random sample of a library of ``size`` photos, float32 [m, dim], and how everyday words stand there."""

    size: int
    photos: np.ndarray
    everyday: np.ndarray | None
    standings: np.ndarray


class Engine:
    """Answers queries over one index. Safe to use from several threads.

    everyday: float32 [words, dim], of ``everyday.vectors``; without them words are judged as sentences are.
    """

    def __init__(self, index: VectorIndex, encode_texts: Callable[[Sequence[str]], np.ndarray]) -> None:
        self.everyday: np.ndarray | None = None
        self._index = index
        self._encode_texts = encode_texts
        self._lock = threading.Lock()
        self._texts: dict[str, np.ndarray] = {}
        self._known: _Background | None = None

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

    def answer(
        self,
        words: str = "",
        pictures: Sequence[np.ndarray] = (),
        *,
        count: int,
        without: frozenset[int] = frozenset(),
        among: int | None = None,
    ) -> list[Answer]:
        """The ``count`` photos nearest to the words and pictures together, best first.

        pictures: unit vectors float32 [dim]. without: photos that are themselves the question. among: how many photos
        are asked for in all, where those of this index are a part of them; by default all.
        """
        terms = [*([self.text_vector(words)] if words else []), *pictures]
        background = self._background()
        query = _together(terms, background.photos)
        everyday = background.everyday if is_short(words) and not pictures else None
        wanted = count if everyday is None else max(count, _JUDGED_TOGETHER)
        ids, similarities = self._index.search(query, wanted + len(without))
        keep = [i for i, photo_id in enumerate(ids) if int(photo_id) not in without][:wanted]
        ids, similarities = ids[keep], similarities[keep]
        found, vectors = self._index.vectors(ids)
        similarities = similarities[np.isin(ids, found)]  # a photo may have left between the two questions
        size = len(self._index)
        if everyday is not None and len(found):
            strong = word_strengths(
                similarities, vectors, everyday=everyday, standings=background.standings, library_size=size
            )
        else:
            strong = strengths(similarities, background=background.photos @ query, library_size=among or size)
        parts = (vectors @ np.stack(terms).T).tolist()
        return [
            Answer(int(i), float(s), float(p), tuple(each))
            for i, s, p, each in zip(found, similarities, strong, parts, strict=True)
        ][:count]

    def _background(self) -> _Background:
        """Drawn anew when the library has changed by a tenth, and when the everyday words have come."""
        with self._lock:
            known, everyday = self._known, self.everyday
            if known is None or known.everyday is not everyday or abs(len(self._index) - known.size) > 0.1 * known.size:
                ids = np.random.default_rng(_SAMPLE_SEED).permutation(self._index.ids())[:_BACKGROUND_SAMPLE]
                photos = self._index.vectors(ids)[1]
                standings = np.empty(0, np.float32)
                if everyday is not None:
                    standings = everyday_standings(photos[:_STANDINGS_SAMPLE], everyday)
                known = self._known = _Background(len(self._index), photos, everyday, standings)
            return known


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
