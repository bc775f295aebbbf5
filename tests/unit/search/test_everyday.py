from __future__ import annotations

import numpy as np

from photosearch.search import everyday
from photosearch.search.query import phrasings


def test_the_words_are_many_short_and_each_there_once():
    words = everyday.words()
    assert len(words) > 500
    assert len(set(words)) == len(words)
    assert all(word and len(phrasings(word)) > 1 for word in words)  # short enough to be phrased as a query is


def test_a_word_has_the_vector_that_it_would_have_as_a_query():
    count = len(everyday.words())
    rows = np.random.default_rng(1).normal(size=(len(everyday.texts()), 4)).astype(np.float32)
    made = everyday.vectors(rows)
    assert made.shape == (count, 4)
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    phrasings_of_second = [i for i, text in enumerate(everyday.texts()) if text in phrasings(everyday.words()[1])]
    together = rows[phrasings_of_second].sum(axis=0)
    assert np.allclose(made[1], together / np.linalg.norm(together), atol=1e-5)
