"""Pictures and folders that come from other programs, over X11's own drag and drop and clipboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.pictures import picture
from tests.e2e.program import Neighbour, Program, State

_WINDOW_MIDDLE = (600, 400)

StartNeighbour = Callable[..., Neighbour]


def dropped(program: Program, source: Neighbour) -> str:
    """Drag from another program into the middle of the window; what that program heard of it."""
    program.desktop.drag(source.middle, _WINDOW_MIDDLE)
    return source.hears()


def answer_to_a_picture(program: Program) -> State:
    return program.until("the answer to a picture", lambda s: s["chips"] and s["answered"] and not s["searching"])


def test_a_file_dropped_on_the_window_is_searched_for_and_found_first(
    program: Program, neighbour: StartNeighbour, pictures: Path
) -> None:
    wanted = pictures / "colours 03.jpg"
    source = neighbour("drag", f"file={wanted}")
    program.desktop.press_and_move(source.middle, _WINDOW_MIDDLE)
    program.until("a welcome while the file hovers", lambda s: s["cover"])
    program.desktop.let_go()
    # Not a move: the program it came from might then delete its file.
    assert source.hears() == "dropped CopyAction"
    seen = answer_to_a_picture(program)
    assert seen["chips"] == ["colours 03.jpg"]
    assert seen["rows"][0] == str(wanted)
    assert seen["sections"][0][0] == "Best matches"
    assert not seen["cover"]
    assert wanted.is_file()


def test_a_drag_that_leaves_again_changes_nothing(program: Program, neighbour: StartNeighbour, pictures: Path) -> None:
    source = neighbour("drag", f"file={pictures / 'colours 03.jpg'}")
    program.desktop.press_and_move(source.middle, _WINDOW_MIDDLE)
    program.until("a welcome", lambda s: s["cover"])
    program.desktop.press_and_move(_WINDOW_MIDDLE, (1440, 900))
    program.until("no welcome", lambda s: not s["cover"])
    program.desktop.let_go()
    assert source.hears() == "dropped IgnoreAction"
    assert program.state["chips"] == []


def test_two_files_dropped_together_are_searched_for_together(
    program: Program, neighbour: StartNeighbour, pictures: Path
) -> None:
    names = ["colours 01.jpg", "colours 02.jpg"]
    dropped(program, neighbour("drag", *(f"file={pictures / name}" for name in names)))
    seen = answer_to_a_picture(program)
    assert seen["chips"] == names
    assert {Path(row).name for row in seen["rows"][:2]} == set(names)


def test_a_picture_dragged_from_a_browser_is_taken_from_its_pixels(
    program: Program, neighbour: StartNeighbour, pictures: Path
) -> None:
    wanted = pictures / "colours 05.jpg"
    address = "https://photos.example/colours.jpg"
    source = neighbour("drag", f"url={address}", f'html=<img src="{address}">', f"image={wanted}", f"text={address}")
    assert dropped(program, source) == "dropped CopyAction"
    seen = answer_to_a_picture(program)
    assert len(seen["chips"]) == 1
    assert seen["rows"][0] == str(wanted)
    assert seen["notice"] is None or address not in seen["notice"]["text"]


def test_an_address_on_the_web_is_refused_in_a_sentence(program: Program, neighbour: StartNeighbour) -> None:
    before = program.state["rows"]
    dropped(program, neighbour("drag", "url=https://photos.example/beach.jpg"))
    seen = program.until("the reason", lambda s: s["notice"])
    assert seen["notice"]["text"] == (
        "That picture is on the web, and PhotoSearch uses no network. Save it to a file first, or copy the picture"
        " itself."
    )
    assert (seen["chips"], seen["rows"]) == ([], before)


def test_a_file_that_is_no_picture_gets_a_reason_and_esc_leads_back(
    program: Program, neighbour: StartNeighbour, tmp_path: Path
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("bread, milk", encoding="ascii")
    dropped(program, neighbour("drag", f"file={file}"))
    seen = program.until("the reason", lambda s: s["page"])
    assert seen["page"]["title"] == "That picture cannot be used"
    assert "notes.txt" in seen["page"]["text"]
    program.take_keyboard(seen)
    program.desktop.key("Escape")
    program.until("the library again", lambda s: s["grid"] and not s["chips"])


def test_a_file_that_went_meanwhile_gets_a_reason(program: Program, neighbour: StartNeighbour, tmp_path: Path) -> None:
    dropped(program, neighbour("drag", f"file={tmp_path / 'gone.jpg'}"))
    seen = program.until("the reason", lambda s: s["notice"] and "gone.jpg" in s["notice"]["text"])
    assert seen["notice"]["text"].endswith("gone.jpg is not there any more.")


def test_a_dropped_folder_is_offered_and_added(
    start: Callable[..., Program], library: Path, neighbour: StartNeighbour, own_pictures: Path
) -> None:
    program = start(library)
    before = program.ready()
    dropped(program, neighbour("drag", f"file={own_pictures}"))
    seen = program.until("the offer", lambda s: s["notice"] and s["notice"]["button"])
    assert own_pictures.name in seen["notice"]["text"]
    assert str(own_pictures) not in seen["folders"]
    program.press(seen["notice"]["button"])
    count = len(before["rows"]) + 8
    seen = program.until("its photos", lambda s: len(s["rows"]) == s["searchable"] == count)
    assert str(own_pictures) in seen["folders"]
    assert seen["notice"] is None


@pytest.mark.parametrize("keys", [("ctrl+f",), ("ctrl+f", "Down")], ids=["in the field", "in the grid"])
def test_a_picture_copied_in_another_program_is_pasted(
    program: Program, neighbour: StartNeighbour, pictures: Path, keys: tuple[str, ...]
) -> None:
    wanted = pictures / "colours 07.jpg"
    neighbour("copy", f"image={wanted}")
    program.desktop.key(*keys, "ctrl+v")
    seen = answer_to_a_picture(program)
    assert seen["chips"] == ["pasted picture"]
    assert seen["rows"][0] == str(wanted)
    program.desktop.key("ctrl+f", "BackSpace")
    program.until("the library again", lambda s: not s["chips"] and not s["answered"])


def test_a_photo_of_the_grid_is_dragged_to_the_search_field(program: Program) -> None:
    seen = program.until("tiles in sight", lambda s: len(s["tiles"]) > 3)
    x, y, width, height = seen["tiles"]["2"]
    field = seen["boxes"]["search"]
    program.desktop.drag((x + width // 2, y + height // 2), (field[0] + field[2] // 2, field[1] + field[3] // 2))
    found = answer_to_a_picture(program)
    assert found["chips"] == [Path(seen["rows"][2]).name]
    assert seen["rows"][2] in found["rows"]


def test_a_picture_larger_than_the_screen_is_pasted(
    program: Program, neighbour: StartNeighbour, tmp_path: Path
) -> None:
    neighbour("copy", f"image={picture(tmp_path / 'large.jpg', 3, width=5000, height=3400)}")
    program.desktop.key("ctrl+v")
    seen = answer_to_a_picture(program)
    assert Path(seen["rows"][0]).name == "colours 03.jpg"
