"""The vectors of everyday words: made once, kept, made again where what was kept is of no use."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from photosearch.errors import EncoderLost
from photosearch.library.everyday import EverydayWords
from photosearch.search import everyday


class Texts:
    """Gives every text a vector of its length; fails where it is told to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.asked = 0
        self.fails = fails

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        if self.fails:
            raise EncoderLost("The encoder is closed.")
        self.asked += len(texts)
        return np.array([[1.0, len(text)] for text in texts], np.float32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "indexes" / "model.words.npz"


def words(file: Path, texts: Texts, *, keep: bool = True, closing: threading.Event | None = None) -> EverydayWords:
    return EverydayWords(file, encode=texts, keep=keep, closing=closing or threading.Event())


def test_they_are_encoded_once(file):
    texts = Texts()
    first = words(file, texts)
    assert first.vectors is None
    first.make()
    first.make()
    assert texts.asked == len(everyday.texts())
    again = words(file, texts)
    assert again.vectors == pytest.approx(first.vectors)
    again.make()
    assert texts.asked == len(everyday.texts())
    assert [f.name for f in file.parent.iterdir()] == [file.name]


def test_a_thread_makes_them_too(file):
    made = words(file, Texts())
    made.make_soon()
    made.close()
    assert made.vectors is not None


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_file_is_made_again(file, damage):
    words(file, Texts()).make()
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 0x55
    file.write_bytes(bytes(whole) if damage is None else damage)
    again = words(file, Texts())
    assert again.vectors is None
    again.make()
    assert words(file, Texts()).vectors is not None


def test_other_words_are_encoded_anew(file, monkeypatch):
    words(file, Texts()).make()
    monkeypatch.setattr(everyday, "_WORDS", "lamp, car")
    everyday.words.cache_clear()
    try:
        again = words(file, Texts())
        assert again.vectors is None
        again.make()
        assert again.vectors is not None and again.vectors.shape == (2, 2)
    finally:
        everyday.words.cache_clear()


def test_a_model_that_cannot_answer_is_no_error(file):
    lost = words(file, Texts(fails=True))
    lost.make()
    assert lost.vectors is None
    assert not file.exists()


def test_a_model_that_has_no_direction_for_a_word_is_no_error(file):
    broken = words(file, lambda texts: np.full((len(texts), 2), np.nan, np.float32))  # type: ignore[arg-type]
    broken.make()
    assert broken.vectors is None
    assert not file.exists()


def test_nothing_is_written_where_nothing_may_be(file):
    looking = words(file, Texts(), keep=False)
    looking.make()
    assert looking.vectors is not None
    assert not file.parent.exists()


def test_a_folder_that_cannot_be_written_costs_only_the_file(file):
    file.parent.write_text("a file where the folder should be")
    made = words(file, Texts())
    made.make()
    assert made.vectors is not None


def test_they_stop_when_the_library_closes(file):
    closing, texts = threading.Event(), Texts()
    closing.set()
    words(file, texts, closing=closing).make()
    words(file, texts).make(lambda: True)
    assert texts.asked == 0
