"""The timeline keeps tiles in columns and gives them back as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photosearch.records import Tile, Timeline
from photosearch.ui.listing import of_library

TILES = st.lists(
    st.builds(
        Tile,
        st.integers(1, 2**62),
        st.integers(0, 2**31 - 1),
        st.integers(0, 2**31 - 1),
        st.one_of(st.none(), st.datetimes().map(lambda moment: moment.isoformat())),
        st.booleans(),
    ),
    max_size=30,
    unique_by=lambda tile: tile.photo_id,
)


@given(TILES)
def test_what_was_put_in_comes_out(tiles):
    timeline = Timeline.of(tiles)
    assert list(timeline) == tiles == timeline
    assert timeline[2:9] == tiles[2:9]
    assert timeline == Timeline.of(tiles)
    if tiles:
        assert timeline[-1] == tiles[-1]
        assert timeline != Timeline.of(tiles[1:])
    with pytest.raises(IndexError):
        timeline[len(tiles)]


@given(TILES)
def test_every_photo_finds_its_row_and_no_other_does(tiles):
    listing = of_library(tiles)
    assert [listing.row_of[tile.photo_id] for tile in tiles] == list(range(len(tiles)))
    assert listing.row_of.get(0) is None and 0 not in listing.row_of
    with pytest.raises(KeyError):
        listing.row_of[-1]
    assert sum(section.count for section in listing.sections) == len(tiles)
    for section in listing.sections:
        months = {(tile.taken or "")[:7] for tile in tiles[section.start : section.start + section.count]}
        assert len(months) == 1


def test_an_empty_listing_knows_no_photo():
    assert 1 not in of_library([]).row_of


def test_dates_longer_than_any_and_odd_ones_do_no_harm():
    (tile,) = Timeline.of([Tile(1, 2, 3, "2014-03-02T01:00:00.123456789 and \u00fc", False)])
    assert tile.taken == "2014-03-02T01:00:00.123456"
