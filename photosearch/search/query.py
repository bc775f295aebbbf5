"""What counts as a query, and how words are put to the model."""

from __future__ import annotations

from photosearch.errors import QueryError
from photosearch.records import Query

MAX_WORDS_CHARACTERS = 1000
"""Models read some twenty to seventy words; more is a mistake (a pasted page), better said than cut."""
_SHORT_QUERY_WORDS = 3

_TEMPLATES = ("{}", "a photo of {}", "a photo of a {}")


def checked(query: Query) -> Query:
    """The query with its words tidied. Raises QueryError where there is nothing to look for, or far too much."""
    # Bytes of the command line that are no text arrive as lone surrogates, which no tokenizer takes.
    words = " ".join(query.words.encode("utf-8", "replace").decode("utf-8").split())
    if not words and not query.pictures:
        raise QueryError("There is nothing to search for. Type some words, or give a picture.")
    if len(words) > MAX_WORDS_CHARACTERS:
        raise QueryError(
            f"The query has {len(words):,} characters; a model understands a sentence or two."
            f" Shorten it to {MAX_WORDS_CHARACTERS:,} or less."
        )
    return Query(words, query.pictures)


def is_short(words: str) -> bool:
    """Whether they name a thing, as a word or two do, and do not describe a scene, as a sentence does."""
    return len(words.split()) <= _SHORT_QUERY_WORDS


def phrasings(words: str) -> list[str]:
    """The texts whose vectors are averaged for a query.

    A few plain phrasings steady short queries, for models are trained on captions (Radford et al. 2021, section 3.1.4);
    sentences are left alone.
    """
    if not is_short(words):
        return [words]
    return [template.format(words) for template in _TEMPLATES]
