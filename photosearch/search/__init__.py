"""From a query to ranked answers."""

from photosearch.search.engine import Answer, Engine
from photosearch.search.query import MAX_WORDS_CHARACTERS, checked

__all__ = ["MAX_WORDS_CHARACTERS", "Answer", "Engine", "checked"]
