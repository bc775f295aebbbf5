"""CLIP's byte-pair tokenizer without torch: the same numbers as ``open_clip.tokenizer.SimpleTokenizer``.

The vocabulary is the file that comes with open_clip, found without importing that package. The cleaning is open_clip's
too (ftfy, HTML entities, white space), because a text that is cleaned otherwise gets another vector. Source of the
method: CLIP (OpenAI, MIT), as open_clip carries it; merging uses a heap, so that a word of ten thousand letters takes
milliseconds and not minutes.
"""

from __future__ import annotations

import functools
import gzip
import heapq
import html
import importlib.util
import string
from collections.abc import Callable, Sequence
from pathlib import Path

import ftfy
import numpy as np
import regex

VOCABULARY_NAME = "bpe_simple_vocab_16e6.txt.gz"
VOCABULARY_SIZE = 49_408
_MERGES = 49_152 - 256 - 2
_SPECIAL = ("<start_of_text>", "<end_of_text>")
_WORD_END = "</w>"
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORD = regex.compile(
    "|".join(_SPECIAL) + r"""|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+""", regex.IGNORECASE
)


def _mended(text: str) -> str:
    return html.unescape(html.unescape(ftfy.fix_text(text))).strip()


def _lower(text: str) -> str:
    return " ".join(_mended(text).split()).lower()


def _canonical(text: str) -> str:
    return " ".join(_mended(text).replace("_", " ").translate(_NO_PUNCTUATION).lower().split())


def _whitespace(text: str) -> str:
    return " ".join(_mended(text).split())


CLEANING: dict[str, Callable[[str], str]] = {"lower": _lower, "canonicalize": _canonical, "whitespace": _whitespace}
"""open_clip's names for the ways a text is cleaned."""


class ClipTokenizer:
    """Texts to token numbers. short: no longer than they need to be. Raises OSError where open_clip's vocabulary is not
    to be found."""

    def __init__(self, *, context_length: int, clean: str = "lower", short: bool = False) -> None:
        self._context_length = context_length
        self._short = short
        self._clean = CLEANING[clean]
        self._byte_letters = _byte_letters()
        merges = _merges()
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        letters = list(self._byte_letters.values())
        vocabulary = [*letters, *(c + _WORD_END for c in letters), *(m.replace(" ", "") for m in merges), *_SPECIAL]
        self._numbers = {token: number for number, token in enumerate(vocabulary)}
        self._start, self._end = (self._numbers[t] for t in _SPECIAL)

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """n texts to int64 [n, context_length]: start, the words' tokens, end, then zeros. Long texts are cut.

        Where they are to be short, the columns end with the longest text.
        """
        longest = 0
        rows = np.zeros((len(texts), self._context_length), np.int64)
        for row, text in zip(rows, texts, strict=True):
            tokens = [self._start, *self._tokens(text), self._end][: self._context_length]
            if len(tokens) == self._context_length:
                tokens[-1] = self._end
            row[: len(tokens)] = tokens
            longest = max(longest, len(tokens))
        return rows[:, :longest] if self._short else rows

    def _tokens(self, text: str) -> list[int]:
        """At least as many tokens as fit, where the text has them; all of them otherwise."""
        tokens: list[int] = []
        # Arguments of a command can hold half characters, which have no bytes in UTF-8.
        clean = self._clean(text.encode("utf-8", "replace").decode("utf-8"))
        for match in _WORD.finditer(clean):
            word = "".join(self._byte_letters[b] for b in match.group().encode("utf-8"))
            tokens += [self._numbers[word]] if word in _SPECIAL else [self._numbers[t] for t in self._merged(word)]
            if len(tokens) >= self._context_length:
                break
        return tokens

    def _merged(self, word: str) -> list[str]:
        """Merge the pair of the lowest rank, leftmost first, until no pair has one.

        A pair that holds a merged token has a higher rank than the merge that made it, so the heap's order is that of
        open_clip, which merges all places of one pair before it looks for the next.
        """
        parts: list[str | None] = [*word[:-1], word[-1] + _WORD_END]
        after = [*range(1, len(parts)), -1]
        before = [*range(-1, len(parts) - 1)]
        heap: list[tuple[int, int, str, str]] = []

        def offer(left: int, right: int) -> None:
            one, other = parts[left], parts[right]
            assert one is not None and other is not None
            rank = self._ranks.get(f"{one} {other}")
            if rank is not None:
                heapq.heappush(heap, (rank, left, one, other))

        for left in range(len(parts) - 1):
            offer(left, left + 1)
        while heap:
            _, left, one, other = heapq.heappop(heap)
            right = after[left]
            if parts[left] != one or right < 0 or parts[right] != other:
                continue  # one of the two was merged meanwhile
            parts[left], parts[right] = one + other, None
            after[left] = after[right]
            if after[left] >= 0:
                before[after[left]] = left
                offer(left, after[left])
            if before[left] >= 0:
                offer(before[left], left)
        return [p for p in parts if p is not None]


@functools.cache
def _byte_letters() -> dict[int, str]:
    """A printable letter for each byte; the order is that of the vocabulary."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + n) for n, b in enumerate(others)}


def _merges() -> list[str]:
    """Pairs of tokens, a blank between them, in the order of their ranks.

    As text, and no further than they are needed: that many tuples set off the interpreter's search for garbage, and
    splitting the whole file took as long; both hold up the window, whose process this is.
    """
    spec = importlib.util.find_spec("open_clip")  # does not import it, which would import torch
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("open_clip is not installed")
    packed = Path(spec.submodule_search_locations[0], VOCABULARY_NAME).read_bytes()
    return gzip.decompress(packed).decode("utf-8").split("\n", _MERGES + 1)[1 : _MERGES + 1]
