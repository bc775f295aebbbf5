"""The window at small and large sizes, and names that look like something else."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from tests.e2e.conftest import ODD_NAME
from tests.e2e.program import Program, State

Box = list[int]


def apart(one: Box, other: Box) -> bool:
    return (
        one[0] + one[2] <= other[0] or other[0] + other[2] <= one[0]
        or one[1] + one[3] <= other[1] or other[1] + other[3] <= one[1]
    )  # fmt: skip


def faults(seen: State) -> list[str]:
    """Parts that reach out of the window or lie over others; tiles that reach out of the grid or lie over others."""
    x, y, width, height = seen["place"]
    left, _, room, _ = seen["boxes"]["middle"]
    found = [] if seen["tiles"] else ["no tile"]
    for name, box in seen["boxes"].items():
        inside = box[0] >= x and box[1] >= y and box[0] + box[2] <= x + width and box[1] + box[3] <= y + height
        if not inside or min(box[2:]) <= 0:
            found.append(f"{name} {box} is not inside the window {seen['place']}")
    for row, box in seen["tiles"].items():
        if box[0] < left or box[0] + box[2] > left + room or min(box[2:]) < 40:
            found.append(f"tile {row} {box} is not inside the grid {seen['boxes']['middle']}")
    for group in (seen["boxes"], seen["tiles"]):
        found += [
            f"{one} lies over {other}" for one, other in combinations(group, 2) if not apart(group[one], group[other])
        ]
    return found


def until_laid_out(program: Program, also: str = "") -> State:
    """The state in which everything has its place (and the details, if asked for, are shown)."""
    try:
        return program.until("everything in its place", lambda s: (not also or s[also]) and not faults(s))
    except AssertionError:
        raise AssertionError(faults(program.state)) from None


@pytest.mark.parametrize("size", [(500, 400), (1400, 950), (480, 360), (800, 950)])
def test_everything_has_its_place_at_any_size(program: Program, size: tuple[int, int]) -> None:
    program.resize(*size)
    seen = until_laid_out(program)
    assert str(seen["current"]) in seen["tiles"]
    program.desktop.key("i")
    seen = until_laid_out(program, "details")
    assert str(seen["current"]) in seen["tiles"]


def test_a_window_smaller_than_useful_is_refused(program: Program) -> None:
    program.desktop.xdotool("windowsize", program.state["window"], 200, 100)
    program.resize(700, 500)
    until_laid_out(program)


def test_thumbnails_of_every_size_are_laid_out(program: Program) -> None:
    program.desktop.key(*["ctrl+plus"] * 12)
    program.until("the largest", lambda s: s["tile_px"] == 420)
    until_laid_out(program)
    program.desktop.key(*["ctrl+minus"] * 16)
    program.until("the smallest", lambda s: s["tile_px"] == 80)
    until_laid_out(program)
    program.desktop.key(*["ctrl+plus"] * 5)
    program.until("a middle size", lambda s: s["tile_px"] == 200)


def test_a_name_with_markup_and_a_line_break_is_shown_as_it_is(program: Program) -> None:
    row = next(at for at, path in enumerate(program.state["rows"]) if Path(path).name == ODD_NAME)
    program.desktop.key("Home", *["Right"] * row, "i")
    shown = "<b>bold<br>\\nsecond line & more.jpg"
    seen = program.until("its details", lambda s: s["current"] == row and shown in (s["details"] or ()))
    assert seen["markup"] == []
    program.desktop.key("space")
    seen = program.until("its preview", lambda s: s["preview"] and s["preview"]["full"])
    assert seen["markup"] == []
    program.desktop.key("Escape", "ctrl+shift+f")
    seen = program.until("photos like it", lambda s: s["chips"] and s["answered"] and not s["searching"])
    assert seen["chips"] == [shown]
    assert seen["markup"] == []
