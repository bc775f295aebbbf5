from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from photosearch.search import Engine
from photosearch.vectors import VectorIndex

DIM = 16


class Texts:
    """Gives each text the axis that it names."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.asked.append(list(texts))
        return np.stack([axis(int(text.split()[-1])) for text in texts])


def axis(number: int) -> np.ndarray:
    return np.eye(DIM, dtype=np.float32)[number]


def mixed(*numbers: int) -> np.ndarray:
    vector = np.sum([axis(n) for n in numbers], axis=0)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@pytest.fixture
def index() -> VectorIndex:
    """Photo n + 1 shows axis n; photo 100 shows the first two."""
    index = VectorIndex(model="m", dim=DIM)
    index.add(np.arange(1, DIM + 1), np.eye(DIM, dtype=np.float32))
    index.add(np.array([100]), mixed(0, 1)[np.newaxis])
    return index


def test_words_and_a_picture_together_find_what_shows_both(index):
    engine = Engine(index, Texts())
    best, *others = engine.answer("0", [axis(1)], count=3)
    assert best.photo_id == 100
    assert best.parts == pytest.approx((0.707, 0.707), abs=1e-3)
    assert {a.photo_id for a in others} == {1, 2}


def test_each_term_has_the_same_say_whatever_else_is_asked(index):
    engine = Engine(index, Texts())
    answers = {a.photo_id: a for a in engine.answer(pictures=[axis(0), axis(1)], count=3)}
    assert answers[1].similarity == pytest.approx(answers[2].similarity, abs=1e-3)


def test_words_matter_beside_a_picture_though_cosines_to_pictures_vary_more():
    """Axis 0 is the picture, axis 1 the words; photos differ by 0.3 in the one, by 0.03 in the other."""
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(200, DIM))
    rows[:, 0], rows[:, 1] = rng.normal(0.3, 0.3, 200).clip(-0.8, 0.8), rng.normal(0.0, 0.03, 200)
    rows[0, :2], rows[1, :2] = (0.75, 0.12), (0.95, 0.0)  # shows both; resembles the picture more, without the words
    rest = rows[:, 2:]
    rest *= np.sqrt(1 - (rows[:, :2] ** 2).sum(axis=1, keepdims=True)) / np.linalg.norm(rest, axis=1, keepdims=True)
    index = VectorIndex(model="m", dim=DIM)
    index.add(np.arange(200), rows.astype(np.float32))
    engine = Engine(index, Texts())
    assert engine.answer(pictures=[axis(0)], count=1)[0].photo_id == 1
    assert engine.answer("1", [axis(0)], count=1)[0].photo_id == 0


def test_the_question_itself_is_no_answer_and_costs_no_place(index):
    engine = Engine(index, Texts())
    answers = engine.answer(pictures=[axis(0)], count=5, without=frozenset({1}))
    assert len(answers) == 5
    assert answers[0].photo_id == 100
    assert 1 not in [a.photo_id for a in answers]


def test_a_text_is_encoded_once(index):
    texts = Texts()
    engine = Engine(index, texts)
    first = engine.text_vector("3")
    assert engine.text_vector("3") is first
    assert len(texts.asked) == 1
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)


def test_the_texts_remembered_are_bounded(index, monkeypatch):
    monkeypatch.setattr("photosearch.search.engine._CACHED_TEXTS", 2)
    texts = Texts()
    engine = Engine(index, texts)
    for words in ("1", "2", "3", "1"):
        engine.text_vector(words)
    assert len(texts.asked) == 4


def test_opposite_terms_give_an_answer_and_no_nan(index):
    answers = Engine(index, Texts()).answer(pictures=[axis(0), -axis(0)], count=3)
    assert len(answers) == 3
    assert all(np.isfinite((a.similarity, a.strength, *a.parts)).all() for a in answers)


def test_an_empty_library_and_a_count_of_none_give_no_answers(index):
    assert Engine(VectorIndex(model="m", dim=DIM), Texts()).answer(pictures=[axis(0)], count=5) == []
    assert Engine(index, Texts()).answer(pictures=[axis(0)], count=0) == []


def test_the_background_follows_a_library_that_grows(index):
    engine = Engine(index, Texts())
    between = [axis(2), axis(3)]  # no photo lies just there: the very picture is always as strong
    before = engine.answer(pictures=between, count=1)[0].strength
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(500, DIM)).astype(np.float32)
    index.add(np.arange(1000, 1500), rows / np.linalg.norm(rows, axis=1, keepdims=True))
    assert engine.answer(pictures=between, count=1)[0].strength != before


def test_a_large_library_is_sampled_alike_every_time(index, monkeypatch):
    monkeypatch.setattr("photosearch.search.engine._BACKGROUND_SAMPLE", 5)
    one = Engine(index, Texts()).answer(pictures=[axis(0)], count=3)
    assert one == Engine(index, Texts()).answer(pictures=[axis(0)], count=3)


def test_a_word_that_all_photos_show_is_strong_beside_everyday_words_and_a_sentence_is_judged_by_the_library():
    rng = np.random.default_rng(6)
    rows = 0.6 * rng.normal(size=(60, DIM)).astype(np.float32) / np.sqrt(DIM)
    rows[:, 0] += 1
    index = VectorIndex(model="m", dim=DIM)
    index.add(np.arange(60), rows / np.linalg.norm(rows, axis=1, keepdims=True))
    engine = Engine(index, Texts())
    assert max(a.strength for a in engine.answer("0", count=60)) < 0.5
    engine.everyday = np.eye(DIM, dtype=np.float32).repeat(20, axis=0)[20:]  # all but what they show
    found = engine.answer("0", count=60)
    assert min(a.strength for a in found) > 0.9
    assert [a.strength for a in found] == sorted((a.strength for a in found), reverse=True)
    assert max(a.strength for a in engine.answer("the longer description of 0", count=60)) < 0.5
    assert max(a.strength for a in engine.answer("0", [axis(0)], count=60)) < 0.5


def test_what_is_chance_follows_from_how_many_photos_are_asked_for_in_all():
    index = VectorIndex(model="m", dim=DIM)
    rows = np.random.default_rng(3).normal(size=(40, DIM)).astype(np.float32)
    index.add(np.arange(40), rows / np.linalg.norm(rows, axis=1, keepdims=True))
    engine = Engine(index, Texts())
    alone, part = (engine.answer("0", count=40, among=among) for among in (None, 40_000))
    assert [a.photo_id for a in part] == [a.photo_id for a in alone]
    assert part[0].strength < 0.05 < alone[0].strength
