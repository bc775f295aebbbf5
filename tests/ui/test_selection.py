"""The selection behaves as a set of rows would, and stays small when it is large."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from photosearch.ui.selection import Selection

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("toggle"), st.integers(0, 30), st.just(0)),
        st.tuples(st.just("add"), st.integers(0, 30), st.integers(0, 30)),
        st.tuples(st.just("set"), st.integers(0, 30), st.integers(0, 30)),
    ),
    max_size=25,
)


@given(_STEPS)
def test_it_holds_what_a_set_would_hold(steps):
    selection, expected = Selection(), set()
    for name, a, b in steps:
        low, high = sorted((a, b))
        if name == "toggle":
            selection.toggle(a)
            expected ^= {a}
        elif name == "add":
            selection.add(a, b)
            expected |= set(range(low, high + 1))
        else:
            selection.set(a, b)
            expected = set(range(low, high + 1))
    assert list(selection) == sorted(expected)
    assert len(selection) == len(expected)
    assert all((row in selection) == (row in expected) for row in range(32))
    ranges = selection.ranges
    assert all(a.stop < b.start for a, b in pairwise(ranges))


def test_a_million_selected_rows_are_one_range():
    selection = Selection()
    selection.set(0, 999_999)
    assert (len(selection), len(selection.ranges)) == (1_000_000, 1)
    selection.toggle(500_000)
    assert (len(selection), len(selection.ranges)) == (999_999, 2)


def test_given_rows_become_ranges():
    selection = Selection()
    selection.replace([5, 3, 4, 9, 4])
    assert selection.ranges == (range(3, 6), range(9, 10))
    selection.clear()
    assert not selection
