"""A tour of the window with the keyboard alone."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

from photosearch.errors import display_path
from tests.e2e.desktop import wait_for
from tests.e2e.program import OPENED, Program


def test_from_the_field_into_the_grid_and_along_it(program: Program) -> None:
    program.desktop.key("ctrl+f")
    program.until("the field having the keyboard", lambda s: s["field_focused"])
    program.desktop.key("Down", "Right", "Right")
    seen = program.until("the third photo", lambda s: s["current"] == 2)
    assert seen["selected"] == 1
    program.desktop.key("Left")
    program.until("the second", lambda s: s["current"] == 1)
    program.desktop.key("Down")
    below = program.until("one below", lambda s: s["current"] > 2)
    assert below["tiles"][str(below["current"])][1] > seen["tiles"]["2"][1]
    program.desktop.key("End")
    seen = program.until("the last", lambda s: s["current"] == len(s["rows"]) - 1)
    assert str(seen["current"]) in seen["tiles"]


def test_space_previews_arrows_walk_and_esc_leads_back_to_the_photo(program: Program) -> None:
    program.desktop.key("Right", "space")
    seen = program.until("the preview in full", lambda s: s["preview"] and s["preview"]["full"])
    assert seen["preview"]["row"] == 1
    program.desktop.key("Right", "Right")
    seen = program.until("two further", lambda s: s["preview"]["row"] == 3 and s["preview"]["full"])
    assert seen["preview"]["note"] == ""
    program.desktop.key("Left")
    program.until("one back", lambda s: s["preview"]["row"] == 2)
    program.desktop.key("Escape")
    seen = program.until("the grid", lambda s: s["preview"] is None and s["grid_focused"])
    assert seen["current"] == 2


def test_space_again_closes_the_preview(program: Program) -> None:
    program.desktop.key("space")
    program.until("the preview", lambda s: s["preview"])
    program.desktop.key("space")
    program.until("the grid", lambda s: s["preview"] is None and s["grid_focused"])


def opened(program: Program) -> list[str]:
    """The files that were given to the system's program so far."""
    file = program.data_dir.parent / OPENED
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [unquote(urlparse(line).path) for line in lines]


def test_enter_opens_the_photo_with_the_systems_program(program: Program) -> None:
    seen, before = program.state, len(opened(program))
    program.desktop.key("Right", "Return")
    wait_for("the program being started", lambda: opened(program)[before:] == seen["rows"][1:2])
    program.desktop.key("Right", "space")
    program.until("the preview", lambda s: s["preview"])
    program.desktop.key("Return")
    wait_for("it being started once more", lambda: opened(program)[before:] == seen["rows"][1:3])


def test_all_are_selected_and_esc_lets_them_go(program: Program) -> None:
    program.desktop.key("ctrl+a")
    seen = program.until("all being selected", lambda s: s["selected"] == len(s["rows"]))
    assert seen["status"] == f"{len(seen['rows'])} photos selected"
    program.desktop.key("Escape")
    program.until("one again", lambda s: s["selected"] <= 1)


def test_shift_and_arrows_select_a_range(program: Program) -> None:
    program.desktop.key("shift+Right", "shift+Right")
    program.until("three", lambda s: s["selected"] == 3)


def test_ctrl_with_plus_and_minus_changes_the_size_and_the_choice_is_kept(program: Program) -> None:
    before = program.state["tile_px"]
    program.desktop.key("ctrl+plus", "ctrl+plus")
    larger = program.until("larger thumbnails", lambda s: s["tile_px"] > before)
    heights = {box[3] for box in larger["tiles"].values()}
    assert min(heights) > before * 0.8
    settings = program.data_dir / "config" / "settings.toml"
    wait_for("the choice in the settings", lambda: settings.exists() and "tile_px" in settings.read_text("utf-8"))
    program.desktop.key("ctrl+minus", "ctrl+minus")
    program.until("the size as before", lambda s: s["tile_px"] == before)


def shown_name(path: str) -> str:
    return display_path(Path(path).name)


def test_i_shows_the_details_of_the_current_photo(program: Program) -> None:
    program.desktop.key("i")
    seen = program.until("its details", lambda s: shown_name(s["rows"][0]) in (s["details"] or ()))
    program.desktop.key("Right")
    program.until("the next one's", lambda s: shown_name(seen["rows"][1]) in s["details"])
    program.desktop.key("i")
    program.until("no details", lambda s: s["details"] is None)


def test_letters_for_commands_are_letters_in_the_search_field(program: Program) -> None:
    program.desktop.key("ctrl+f")
    program.desktop.type("i/+?")
    seen = program.until("the letters", lambda s: s["field"] == "i/+?")
    assert seen["details"] is None
    assert seen["dialogs"] == []


def test_f5_looks_again_and_says_so(program: Program) -> None:
    program.desktop.key("F5")
    program.until("a word about it", lambda s: s["status"].startswith("Looking for new"))
    program.until("rest", lambda s: s["phase"] == "IDLE")


def test_f11_fills_the_screen_and_esc_leads_back(program: Program) -> None:
    program.desktop.key("F11")
    program.until("the full screen", lambda s: s["full_screen"])
    program.desktop.key("Escape")
    program.until("a window", lambda s: not s["full_screen"])


def test_ctrl_shift_f_finds_similar_photos(program: Program) -> None:
    program.desktop.key("Right", "ctrl+shift+f")
    seen = program.until("similar photos", lambda s: s["chips"] and s["answered"] and not s["searching"])
    assert len(seen["rows"]) >= 12


def test_a_double_click_opens_and_a_click_selects(program: Program) -> None:
    seen, before = program.state, len(opened(program))
    x, y, width, height = seen["tiles"]["3"]
    program.desktop.click(x + width // 2, y + height // 2, times=2)
    program.until("the fourth photo", lambda s: s["current"] == 3 and s["selected"] == 1)
    wait_for("the program being started", lambda: opened(program)[before:] == seen["rows"][3:4])
