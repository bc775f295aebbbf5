"""The end of the program: asked for, in the middle of work, and forced."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.desktop import Desktop
from tests.e2e.pictures import many_pictures
from tests.e2e.program import Program, State
from tests.integration.command import Command

_MANY = 320

Start = Callable[..., Program]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More photos than are indexed while a test looks. Never changed."""
    return many_pictures(tmp_path_factory.mktemp("many") / "photos", _MANY)


def in_the_middle(program: Program) -> State:
    """Some photos are indexed, most are not."""
    return program.until("some photos of many", lambda s: s["searchable"] and s["pending"])


def press_ctrl_q(program: Program) -> None:
    program.take_keyboard(program.state)
    program.desktop.key("ctrl+q")


def press_the_close_button(program: Program) -> None:
    program.desktop.ask_to_close(program.state["window"])


def terminate(program: Program) -> None:
    program.process.send_signal(signal.SIGTERM)


def ended_well(program: Program) -> None:
    """It ends with 0, leaves no process, and nothing went wrong."""
    assert program.ends() == 0
    program.assert_nothing_went_wrong()


def test_closing_in_the_middle_of_indexing_keeps_what_was_done_and_the_next_start_goes_on(
    start: Start, many: Path, new_data_dir: Path
) -> None:
    first = start(new_data_dir, many)
    seen = in_the_middle(first)
    press_ctrl_q(first)
    ended_well(first)
    status = Command(new_data_dir)("status", "--json").json
    assert seen["searchable"] <= status["searchable"] < _MANY
    assert status["files"] == status["searchable"] + status["pending"] == _MANY
    second = start(new_data_dir)
    seen = second.until("all of them", lambda s: s["searchable"] == _MANY and s["phase"] == "IDLE")
    assert seen["encoded"] == _MANY - status["searchable"]


def test_a_kill_in_the_middle_of_indexing_leaves_no_process_and_the_next_start_works(
    start: Start, many: Path, new_data_dir: Path
) -> None:
    first = start(new_data_dir, many)
    seen = in_the_middle(first)
    first.kill()
    status = Command(new_data_dir)("status", "--json").json
    assert status["searchable"] >= seen["searchable"]
    # The first one left its socket and its lock file behind.
    second = start(new_data_dir)
    second.until("all that was done", lambda s: s["searchable"] >= status["searchable"] and s["grid"])


@pytest.mark.parametrize("close", [press_the_close_button, terminate])
def test_closing_while_the_model_is_loaded_ends(
    start: Start, many: Path, tmp_path: Path, close: Callable[[Program], None]
) -> None:
    program = start(tmp_path / "data", many)
    program.until("the model being loaded", lambda s: s["phase"] == "LOADING")
    close(program)
    ended_well(program)


def test_closing_while_the_library_is_opened_ends(start: Start, library: Path) -> None:
    program = start(library)
    program.until("the window", lambda s: s["visible"])
    press_the_close_button(program)
    ended_well(program)


def test_closing_with_a_search_a_preview_and_a_dialog_open_ends(start: Start, library: Path) -> None:
    program = start(library)
    program.ready()
    program.desktop.key("ctrl+f", "Down", "Right", "ctrl+shift+l")
    program.until("the folders", lambda s: s["dialogs"])
    program.take_keyboard(program.state)
    program.desktop.key("space")
    program.until("the preview", lambda s: s["preview"])
    press_the_close_button(program)
    ended_well(program)


def test_the_end_of_the_desktop_ends_the_program_and_its_processes(library: Path, tmp_path: Path) -> None:
    screen = Desktop(tmp_path)
    program = Program(screen, library)
    try:
        program.ready()
        screen.key("ctrl+f", "Down", "space")
        program.until("the preview, made in a process of its own", lambda s: s["preview"] and s["preview"]["full"])
        screen.close()
        program.ends()
    finally:
        program.clean_up()


def test_the_window_comes_back_as_it_was(start: Start, library: Path) -> None:
    first = start(library)
    first.ready()
    first.resize(900, 640)
    first.desktop.key("ctrl+f", "Down", "i")
    first.until("details", lambda s: s["details"])
    first.close()
    second = start(library)
    seen = second.ready()
    assert seen["place"][2:] == [900, 640]
    assert seen["details"] is not None
