from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from photosearch.search.strength import strengths

cosines = st.floats(-1, 1)
backgrounds = st.lists(cosines, min_size=1, max_size=60).map(np.array)
sizes = st.integers(1, 10_000_000)


@given(st.lists(cosines, max_size=20), backgrounds, sizes)
def test_a_strength_lies_between_none_and_one(similarities, background, size):
    found = strengths(np.array(similarities), background=background, library_size=size)
    assert found.shape == (len(similarities),)
    assert np.all((found >= 0) & (found <= 1))


@given(st.lists(cosines, min_size=2, max_size=20), backgrounds, sizes)
def test_the_nearer_of_two_photos_is_never_the_weaker_one(similarities, background, size):
    found = strengths(np.array(sorted(similarities)), background=background, library_size=size)
    assert np.all(np.diff(found) >= 0)


@given(st.lists(cosines, min_size=1, max_size=20), backgrounds, sizes, sizes)
def test_a_larger_library_makes_chance_more_likely(similarities, background, one, other):
    small, large = sorted((one, other))
    rows = np.array(similarities)
    assert np.all(
        strengths(rows, background=background, library_size=large)
        <= strengths(rows, background=background, library_size=small)
    )


def test_the_middle_of_the_library_is_weak_and_what_stands_far_out_is_strong():
    background = np.random.default_rng(1).normal(0.2, 0.02, 4000)
    weak, strong = strengths(np.array([0.2, 0.4]), background=background, library_size=10_000)
    assert weak < 0.001
    assert strong > 0.99


def test_nothing_can_be_said_without_a_background():
    assert strengths(np.array([0.5]), background=np.empty(0), library_size=0).tolist() == [0]


def test_many_fitting_photos_do_not_hide_that_they_fit():
    background = np.concatenate([np.random.default_rng(1).normal(0.2, 0.02, 600), np.full(300, 0.35)])
    (fits,) = strengths(np.array([0.35]), background=background, library_size=900)
    assert fits > 0.9


def test_the_very_picture_that_was_asked_for_is_strong_in_a_library_of_three():
    background = np.array([1.0, 0.9, 0.2])
    itself, another, unlike = strengths(np.array([0.999, 0.9, 0.2]), background=background, library_size=3)
    assert itself == 1
    assert max(another, unlike) < 0.5
