"""Every tile has its place, none lies on another, and what is asked of the layout is what it drew."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photosearch.ui.grid_layout import NARROWEST, WIDEST, GridLayout, Rect, proportion_sums

GAP, HEADING, ROW = 8, 56, 190


def layout_of(sizes, starts=(0,), *, width=1000, row=ROW, heading=HEADING) -> GridLayout:
    return GridLayout(proportion_sums(sizes), starts, width=width, row=row, gap=GAP, heading=heading, block=160)


def overlap(a: Rect, b: Rect) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


@pytest.fixture(scope="module")
def hundred_thousand() -> GridLayout:
    rng = random.Random(7)
    sizes = [(rng.choice((4000, 3000, 6000, 900)), rng.choice((3000, 4000, 2000))) for _ in range(100_000)]
    starts = sorted({0, *(rng.randrange(100_000) for _ in range(600))})
    return layout_of(sizes, starts, width=1268)


def test_all_of_a_hundred_thousand_tiles_are_laid_out_in_order_without_overlap(hundred_thousand):
    tiles = list(hundred_thousand.visible(0, hundred_thousand.height))
    assert [tile for tile, _ in tiles] == list(range(100_000))
    for (_, a), (_, b) in pairwise(tiles):
        same_line = a.y == b.y
        assert b.x >= a.x + a.width + GAP if same_line else b.y >= a.y + a.height + GAP
    assert all(rect.x >= 0 and rect.x + rect.width <= 1268 for _, rect in tiles)


def test_what_is_visible_is_exactly_what_touches_the_band(hundred_thousand):
    rng = random.Random(3)
    everything = list(hundred_thousand.visible(0, hundred_thousand.height))
    for _ in range(20):
        top = rng.randrange(hundred_thousand.height)
        bottom = top + rng.randrange(1, 1200)
        expected = [tile for tile, rect in everything if rect.y < bottom and rect.y + rect.height > top]
        assert [tile for tile, _ in hundred_thousand.visible(top, bottom)] == expected


def test_a_point_in_a_tile_finds_that_tile_and_a_gutter_finds_none(hundred_thousand):
    rng = random.Random(5)
    for tile in (0, 99_999, *(rng.randrange(100_000) for _ in range(200))):
        rect = hundred_thousand.rect(tile)
        assert hundred_thousand.tile_at(rect.x, rect.y) == tile
        assert hundred_thousand.tile_at(rect.x + rect.width - 1, rect.y + rect.height - 1) == tile
        assert hundred_thousand.tile_at(rect.x, rect.y + rect.height + GAP // 2) is None


def test_full_rows_end_exactly_at_the_width_and_their_gutters_are_equal():
    layout = layout_of([(400, 300)] * 200)
    rows: dict[int, list[Rect]] = {}
    for _, rect in layout.visible(0, layout.height):
        rows.setdefault(rect.y, []).append(rect)
    for rects in list(rows.values())[:-1]:
        assert rects[0].x == 0
        assert rects[-1].x + rects[-1].width == 1000
        assert {b.x - a.x - a.width for a, b in pairwise(rects)} == {GAP}
        assert abs(rects[0].width / rects[0].height - 4 / 3) < 0.02


def test_the_last_row_of_a_section_is_not_blown_up():
    layout = layout_of([(400, 300)] * 5, width=1000)
    assert layout.rect(4).height <= ROW * 1.4
    assert layout_of([(400, 300)]).rect(0).height == ROW


def test_short_sections_share_a_line_each_under_its_own_heading():
    layout = layout_of([(400, 300)] * 3, (0, 1, 2))
    assert len({layout.rect(tile).y for tile in range(3)}) == 1
    headings = list(layout.headings(0, layout.height))
    assert [heading.section for heading in headings] == [0, 1, 2]
    assert [heading.x for heading in headings] == [layout.rect(tile).x for tile in range(3)]
    assert all(a.x + a.width <= b.x for a, b in pairwise(headings))


def test_a_long_section_after_a_short_one_begins_on_a_line_of_its_own():
    layout = layout_of([(400, 300)] * 21, (0, 1))
    assert layout.rect(1).y == layout.rect(0).y + layout.rect(0).height + GAP + HEADING
    assert layout.rect(1).x == 0


@pytest.mark.parametrize("size", [(10_000, 10), (10, 10_000), (0, 0), (-5, 3)])
def test_absurd_proportions_still_get_a_tile_one_can_see(size):
    layout = layout_of([size, (400, 300)])
    rect = layout.rect(0)
    assert NARROWEST * 0.9 <= rect.width / rect.height <= WIDEST * 1.1


def test_walking_down_and_up_keeps_the_column():
    layout = layout_of([(400, 300), (300, 400), (600, 300)] * 40)
    x = layout.middle(2)
    tile = 2
    for _ in range(5):
        tile = layout.above_or_below(tile, x, lines=1)
        assert layout.rect(tile).x - GAP <= x <= layout.rect(tile).x + layout.rect(tile).width + GAP
    for _ in range(5):
        tile = layout.above_or_below(tile, x, lines=-1)
    assert tile == 2
    assert layout.above_or_below(2, x, lines=-3) == 2


def test_a_rectangle_finds_the_tiles_it_touches():
    layout = layout_of([(400, 300)] * 60)
    first, far = layout.rect(0), layout.rect(9)
    band = Rect(first.x, first.y, far.x + far.width, far.y + far.height - first.y)
    assert {0, 9} <= set(layout.within(band))
    assert layout.within(Rect(0, layout.height + 50, 10, 10)) == []


def test_an_empty_grid_has_no_height_and_finds_nothing():
    layout = layout_of([])
    assert (layout.height, layout.tile_at(3, 3), list(layout.visible(0, 500)), layout.first_at(10)) == (0, None, [], 0)
    with pytest.raises(IndexError):
        layout.rect(0)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 9000), st.integers(1, 9000)), min_size=1, max_size=60),
    cuts=st.sets(st.integers(1, 59), max_size=8),
    width=st.integers(120, 2400),
    row=st.integers(80, 420),
)
def test_whatever_the_photos_no_tile_overlaps_another_or_its_heading(sizes, cuts, width, row):
    starts = [0, *sorted(cut for cut in cuts if cut < len(sizes))]
    layout = layout_of(sizes, starts, width=width, row=row)
    rects = [layout.rect(tile) for tile in range(len(sizes))]
    assert [rect for _, rect in layout.visible(0, layout.height)] == rects
    assert not any(overlap(a, b) for n, a in enumerate(rects) for b in rects[n + 1 :])
    headings = list(layout.headings(0, layout.height))
    assert [heading.section for heading in headings] == list(range(len(starts)))
    for heading in headings:
        box = Rect(heading.x, heading.y, max(1, heading.width), HEADING)
        assert rects[starts[heading.section]].y == heading.y + HEADING
        assert not any(overlap(box, rect) for rect in rects)
