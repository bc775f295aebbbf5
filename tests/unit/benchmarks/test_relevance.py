"""The figures of the relevance benchmark, against cases that were counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import relevance

ABSENT = [np.array([0.1, best]) for best in (0.2, 0.5, 0.3, 0.4)]


@pytest.mark.parametrize(("share", "reached"), [(0.0, 0), (0.25, 1), (0.5, 2), (0.9, 3), (1.0, 4)])
def test_the_cosine_is_chosen_so_that_a_share_of_the_absent_words_reach_it(share, reached):
    cosine = relevance.cosine_for(ABSENT, share)
    assert sum(bool((cosines >= cosine).any()) for cosines in ABSENT) == reached


class Rows:
    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def row(self, what: str, value: float, unit: str, **more: object) -> None:
        self.values[what] = value


def test_the_rows_of_a_rule():
    right = np.array([True, True, False, False])
    asked = relevance.Asked("dog", np.zeros(4), np.zeros(4), right)
    present = [(np.array([True, False, True, False]), asked), (np.zeros(4, bool), asked)]
    rows = Rows()
    relevance.measure(rows, "rule", present, [np.array([True, True, False]), np.zeros(3, bool)])  # type: ignore[arg-type]
    assert rows.values == {
        "rule: strong matches that are right": 0.5,
        "rule: right photos that are strong": 0.25,
        "rule: present words without a strong match": 0.5,
        "rule: absent words with a strong match": 0.5,
        "rule: strong matches of an absent word": 1.0,
    }
