"""From a raw cosine to a strength between 0 and 1.

Cosines crowd into a narrow band that moves with every query, photo and model, so a cosine says nothing alone.

A word or two are measured against each photo's own background: how hundreds of everyday words, of which a photo shows a
few, score on that photo (``word_strengths``). So "dog" is strong also where all photos show dogs.

Sentences and pictures, which score on scales of their own, are measured against the query's background: how the photos
of this very library, most of which have nothing to do with the query, score (``strengths``). The lower half gives that
background's middle and spread, for it stays clean even when many photos fit. Only of the very picture that was asked
for nothing more needs to be known: no photo scores like it by chance.
"""

from __future__ import annotations

import math

import numpy as np

_SMALLEST_SPREAD = 0.01
"""A few near-identical photos must not make every other one look special."""
_SAME_PICTURE = 0.98
"""So near to a query is the picture itself or a copy; what was measured is in ``docs/decisions.md``."""
_SHOWN_CLEARLY = 0.004
"""The share of everyday words that a photo shows clearly: two of them; see ``docs/decisions.md``."""


def middle_and_spread(background: np.ndarray) -> tuple[float, float]:
    """Where photos that have nothing to do with a query score, and how widely. background: float [m], m > 0."""
    middle, low = np.quantile(background, (0.5, 0.16))
    return float(middle), max(float(middle - low), _SMALLEST_SPREAD)


def strengths(similarities: np.ndarray, *, background: np.ndarray, library_size: int) -> np.ndarray:
    """float64 [n] in 0..1: how surely each similarity is more than chance in a library of this size.

    similarities: float [n], cosines of the hits. background: float [m], cosines of a random sample of the library with
    the same query. With z the robust distance from the background and n photos, chance alone would give
    e = n · (1 - Φ(z)) photos that score so high; the strength is 1 / (1 + e): a half means that one such photo was
    to be expected anyway. A similarity that only the queried picture itself reaches has strength 1.
    """
    if not len(background):
        return np.zeros(len(similarities))
    middle, spread = middle_and_spread(background)
    rows = np.asarray(similarities, np.float64)
    z = (rows - middle) / spread
    expected = library_size * np.array([0.5 * math.erfc(v / math.sqrt(2)) for v in z])
    return np.where(rows >= _SAME_PICTURE, 1.0, 1.0 / (1.0 + expected))


def word_strengths(
    similarities: np.ndarray, photos: np.ndarray, *, everyday: np.ndarray, standings: np.ndarray, library_size: int
) -> np.ndarray:
    """float64 [n] in 0..1, never rising: how surely each photo shows the word that was asked for.

    similarities: float [n], cosines of the nearest photos with the word, falling. photos: float32 [n, dim], these.
    everyday: float32 [words, dim]. standings: of ``everyday_standings``. With p the share of everyday words and photos
    that stand as high as this word does on this photo, the odds against it are the sum of two. One is p / π, where π is
    the share of words that a photo shows clearly. The other is the rate of false discoveries (Benjamini and Hochberg
    1995): the photos of the library that would stand so high by chance, over those that do; half of it, for among
    everyday words there are always some that are shown. So a lone photo must stand out more in a large library, and a
    thing that many photos show is strong on each of them.

    The order is that of the similarities; where strengths rise against it, their mean stands for each (isotonic
    regression by pooling adjacent violators, Ayer et al. 1955).
    """
    scores = everyday @ photos.T
    standing = (np.asarray(similarities) - scores.mean(axis=0)) / _spread(scores)
    share = np.maximum(len(standings) - np.searchsorted(standings, standing), 1) / len(standings)
    order = np.argsort(share, kind="stable")
    false = library_size * share[order] / np.arange(1, len(share) + 1)
    discoveries = np.empty(len(share))
    discoveries[order] = np.minimum.accumulate(false[::-1])[::-1]
    return _never_rising(1.0 / (1.0 + share / _SHOWN_CLEARLY + 0.5 * discoveries))


def everyday_standings(photos: np.ndarray, everyday: np.ndarray) -> np.ndarray:
    """float32 [words · n], rising: by how many standard deviations each everyday word lies above all, on each photo."""
    scores = everyday @ photos.T
    return np.sort(((scores - scores.mean(axis=0)) / _spread(scores)).ravel())


def _spread(scores: np.ndarray) -> np.ndarray:
    return np.maximum(scores.std(axis=0), 1e-4)


def _never_rising(values: np.ndarray) -> np.ndarray:
    means: list[float] = []
    counts: list[int] = []
    for value in values:
        means.append(float(value))
        counts.append(1)
        while len(means) > 1 and means[-2] < means[-1]:
            mean, count = means.pop(), counts.pop()
            means[-1] = (means[-1] * counts[-1] + mean * count) / (counts[-1] + count)
            counts[-1] += count
    return np.repeat(means, counts)
