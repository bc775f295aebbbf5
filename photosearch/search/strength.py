"""From a raw cosine to a strength between 0 and 1.

Cosines of texts and photos crowd into a narrow band that moves with every query and every model, so a cosine says
nothing alone. It is measured against the query's own background: how the photos of this very library, most of which
have nothing to do with the query, score. The lower half gives that background's middle and spread, for it stays clean
even when many photos fit.

Only of the very picture that was asked for nothing more needs to be known: no photo scores like it by chance.
"""

from __future__ import annotations

import math

import numpy as np

_SMALLEST_SPREAD = 0.01
"""A few near-identical photos must not make every other one look special."""
_SAME_PICTURE = 0.98
"""So near to a query is the picture itself or a copy; what was measured is in ``docs/decisions.md``."""


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
