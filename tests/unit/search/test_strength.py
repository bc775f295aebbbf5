from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photosearch.search.strength import everyday_standings, strengths, word_strengths

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


# Words, beside everyday words

EVERYDAY = np.random.default_rng(5).normal(size=(300, 64)).astype(np.float32)
EVERYDAY /= np.linalg.norm(EVERYDAY, axis=1, keepdims=True)


def photos_of(*shown: int, count: int, seed: int = 1) -> np.ndarray:
    """float32 [count, 64]: photos that show these words, the first most, and something of their own."""
    own = np.random.default_rng(seed).normal(size=(count, 64))
    rows = 0.4 * own / np.linalg.norm(own, axis=1, keepdims=True)
    for place, word in enumerate(shown):
        rows += EVERYDAY[word] * 0.8**place
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def judged(word: np.ndarray, library: np.ndarray) -> np.ndarray:
    """The strengths of all photos of a library, best first."""
    near = library[np.argsort(-(library @ word))]
    standings = everyday_standings(library, EVERYDAY)
    return word_strengths(near @ word, near, everyday=EVERYDAY, standings=standings, library_size=len(library))


def test_what_every_photo_shows_is_strong_on_every_photo():
    assert judged(EVERYDAY[7], photos_of(7, 8, count=200)).min() >= 0.5


def test_what_some_photos_show_is_strong_on_these_alone():
    library = np.concatenate([photos_of(7, count=30), photos_of(20, 21, count=170, seed=2)])
    found = judged(EVERYDAY[7], library)
    assert found[:30].min() >= 0.5
    assert found[30:].max() < 0.2


def test_what_no_photo_shows_is_weak():
    library = np.concatenate([photos_of(word, word + 1, count=20, seed=word) for word in range(10)])
    assert judged(EVERYDAY[200], library).max() < 0.2


def test_a_lone_photo_must_stand_out_more_in_a_larger_library_and_one_of_many_need_not():
    photo, word = photos_of(7, 8, count=1), EVERYDAY[7]
    standings = everyday_standings(np.concatenate([photo, photos_of(20, 21, count=200)]), EVERYDAY)

    def strength(*, like_it: int, library_size: int) -> float:
        near = photo.repeat(like_it, axis=0)
        found = word_strengths(near @ word, near, everyday=EVERYDAY, standings=standings, library_size=library_size)
        return float(found[0])

    assert strength(like_it=1, library_size=100) > 0.5
    assert strength(like_it=1, library_size=1_000_000) < 0.3
    assert strength(like_it=100, library_size=1_000_000) > 0.9


@pytest.mark.parametrize(("word", "strong"), [(7, True), (8, False)])
def test_one_photo_is_library_enough(word, strong):
    (found,) = judged(EVERYDAY[word], photos_of(7, count=1))
    assert bool(found >= 0.5) is strong


@given(st.integers(0, 299), st.integers(1, 40), st.integers(0, 5))
def test_of_two_photos_the_nearer_is_never_the_weaker_for_a_word(word, count, seed):
    found = judged(EVERYDAY[word], photos_of(7, 8, count=count, seed=seed))
    assert found.shape == (count,)
    assert np.all((found >= 0) & (found <= 1))
    assert np.all(np.diff(found) <= 1e-12)


def test_strengths_that_rise_share_their_mean():
    """Photo 0 is nearer to the word, but shows another one more; photo 1 shows nothing more clearly."""
    word, other = EVERYDAY[7], EVERYDAY[8]
    rows = np.stack([0.6 * word + 0.9 * other, 0.5 * word + 0.1 * EVERYDAY[9]])
    library = np.concatenate([rows, photos_of(20, 21, count=50)]).astype(np.float32)
    standings = everyday_standings(library, EVERYDAY)

    def strong(of: np.ndarray) -> np.ndarray:
        return word_strengths(of @ word, of, everyday=EVERYDAY, standings=standings, library_size=1)

    first, second = float(strong(library[:1])[0]), float(strong(library[1:2])[0])
    assert first < second
    assert strong(library[:2]) == pytest.approx([(first + second) / 2] * 2, abs=0.02)
