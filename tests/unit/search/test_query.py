from __future__ import annotations

import pytest

from photosearch.errors import QueryError
from photosearch.records import Query
from photosearch.search import MAX_WORDS_CHARACTERS, checked
from photosearch.search.query import phrasings


def test_words_are_tidied():
    assert checked(Query("  a  red\n\tboat ")) == Query("a red boat")


def test_a_picture_alone_is_a_query():
    assert checked(Query(pictures=(5,))).pictures == (5,)


@pytest.mark.parametrize("words", ["", "   ", "\n\t"])
def test_nothing_to_look_for_is_told_with_what_to_do(words):
    with pytest.raises(QueryError, match="Type some words, or give a picture"):
        checked(Query(words))


def test_a_pasted_page_is_told_with_the_limit():
    assert checked(Query("x" * MAX_WORDS_CHARACTERS))
    with pytest.raises(QueryError, match=r"1,001 characters.*1,000 or less"):
        checked(Query("x" * (MAX_WORDS_CHARACTERS + 1)))


def test_short_queries_are_put_in_several_ways_and_sentences_as_they_are():
    assert phrasings("red boat") == ["red boat", "a photo of red boat", "a photo of a red boat"]
    assert phrasings("a dog on a beach") == ["a dog on a beach"]


def test_braces_are_only_braces():
    assert phrasings("{} {0}") == ["{} {0}", "a photo of {} {0}", "a photo of a {} {0}"]
