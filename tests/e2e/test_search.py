"""Words typed into the real window, and what the grid shows for them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.e2e.program import FIRST_SIZE, Program, State
from tests.integration.command import Command

_FLOWERS = ("100_0025.jpg", "100_0033.jpg", "100_0034.jpg", "100_0075.jpg", "100_0099.jpg")
_OTHERS = tuple(f"100_{number:04}.jpg" for number in (1, 2, 3, 6, 10, 13, 21, 22, 29, 31, 32, 36, 44, 48, 57, 66, 71))


def words_typed(program: Program, words: str) -> State:
    """Type into the search field; the state with the answer."""
    program.desktop.key("ctrl+f")
    program.until("the search field having the keyboard", lambda s: s["field_focused"])
    program.desktop.type(words)
    return program.until(
        f"the answer to {words}", lambda s: s["words"] == words and s["answered"] and not s["searching"]
    )


def test_the_window_shows_all_photos_and_their_thumbnails(program: Program) -> None:
    seen = program.until("all thumbnails in sight", lambda s: s["tiles"] and len(s["painted"]) == len(s["tiles"]))
    assert len(seen["rows"]) == seen["searchable"] == len(set(seen["rows"])) >= 25
    assert (seen["title"], seen["place"][2:]) == ("PhotoSearch", list(FIRST_SIZE))
    program.until("their number", lambda s: s["status"] == f"{len(s['rows'])} photos")
    assert sum(count for _, _, count in seen["sections"]) == len(seen["rows"])


def test_words_typed_are_answered_as_the_command_line_answers_them(program: Program) -> None:
    seen = words_typed(program, "red and green")
    hits = Command(program.data_dir)("search", "red and green", "--json", "-n", "300").json["hits"]
    assert seen["rows"] == [hit["path"] for hit in hits][: len(seen["rows"])]
    assert len(seen["rows"]) >= 12
    assert seen["title"] == "red and green — PhotoSearch"


def test_an_emptied_field_shows_the_library_again(program: Program) -> None:
    library = program.state["rows"]
    words_typed(program, "yellow")
    program.desktop.key("ctrl+a", "BackSpace")
    seen = program.until("the library", lambda s: not s["answered"] and not s["words"])
    assert seen["rows"] == library
    assert seen["title"] == "PhotoSearch"


def test_words_in_other_scripts_and_markup_are_words(program: Program, neighbour: Callable) -> None:
    words = '<b>Großmutter</b> 🌻 向日葵 &amp; "x"'
    neighbour("copy", f"text={words}")
    program.desktop.key("ctrl+f", "ctrl+v")
    seen = program.until("the answer", lambda s: s["answered"] and s["words"] == words and not s["searching"])
    assert seen["field"] == words
    assert seen["title"] == f"{words} — PhotoSearch"
    assert seen["markup"] == []


def test_ten_thousand_pasted_characters_are_cut_and_searched(program: Program, neighbour: Callable) -> None:
    neighbour("copy", "text=" + "sunflower " * 1000)
    program.desktop.key("ctrl+f", "ctrl+v")
    seen = program.until("an answer", lambda s: s["answered"] and s["words"] and not s["searching"])
    assert seen["field"] == seen["words"]
    assert 100 <= len(seen["words"]) <= 1000
    assert seen["words"].startswith("sunflower sunflower")
    assert seen["place"][2:] == list(FIRST_SIZE)


def test_words_find_the_real_photos_that_show_them(
    start: Callable[..., Program], photos: Path, tmp_path: Path, new_data_dir: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in _FLOWERS + _OTHERS:
        shutil.copyfile(photos / "personal" / name, folder / name)
    program = start(new_data_dir, folder)
    program.ready(rows=len(_FLOWERS + _OTHERS))
    seen = words_typed(program, "a photo of a flower")
    first = [Path(row).name for row in seen["rows"]][: len(_FLOWERS)]
    assert len(set(first) & set(_FLOWERS)) >= 3, first
    assert seen["sections"][0][0] == "Best matches"
    assert seen["strengths"] == sorted(seen["strengths"], reverse=True)
