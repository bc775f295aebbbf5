"""Files that come, go and move while the window is open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import with_exports
from tests.e2e.desktop import Desktop
from tests.e2e.pictures import picture
from tests.e2e.program import Program


class Watched:
    """A program on a folder of eight photos, from its first start on."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program, self.folder = program, folder

    def shows(self, *names: str) -> dict:
        """Wait until the library is exactly the eight and these, and at rest."""
        wanted = {str(self.folder / f"{seed}.jpg") for seed in range(8)} | {str(self.folder / name) for name in names}
        return self.program.until(
            f"the library with {names}",
            lambda s: set(s["rows"]) == wanted and s["phase"] == "IDLE" and s["searchable"] == len(wanted),
        )


@pytest.fixture(scope="module")
def watched(desktop: Desktop, exported_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    place = tmp_path_factory.mktemp("watched")
    folder = place / "photos"
    folder.mkdir()
    for seed in range(8):
        picture(folder / f"{seed}.jpg", 200 + seed)
    program = Program(desktop, with_exports(place / "data", exported_model), folder)
    try:
        program.ready(rows=8)
        yield Watched(program, folder)
        program.close()
    finally:
        program.clean_up()


@pytest.fixture
def at_rest(watched: Watched) -> Watched:
    watched.shows()
    return watched


def test_a_photo_copied_into_the_folder_appears_and_goes_when_it_is_deleted(at_rest: Watched, pictures: Path) -> None:
    shutil.copyfile(pictures / "colours 00.jpg", at_rest.folder / "new.jpg")
    at_rest.shows("new.jpg")
    (at_rest.folder / "new.jpg").unlink()
    at_rest.shows()


def test_a_folder_renamed_and_moved_costs_no_encoding(at_rest: Watched) -> None:
    (at_rest.folder / "sea").mkdir()
    for seed in range(3):
        picture(at_rest.folder / "sea" / f"{seed}.jpg", 300 + seed)
    before = at_rest.shows("sea/0.jpg", "sea/1.jpg", "sea/2.jpg")
    assert before["encoded"] >= 3
    (at_rest.folder / "sea").rename(at_rest.folder / "holiday")
    at_rest.shows("holiday/0.jpg", "holiday/1.jpg", "holiday/2.jpg")
    (at_rest.folder / "2024").mkdir()
    (at_rest.folder / "holiday").rename(at_rest.folder / "2024" / "holiday")
    seen = at_rest.shows("2024/holiday/0.jpg", "2024/holiday/1.jpg", "2024/holiday/2.jpg")
    assert seen["encoded"] == before["encoded"]
    picture(at_rest.folder / "2024" / "holiday" / "3.jpg", 303)
    at_rest.shows(*(f"2024/holiday/{seed}.jpg" for seed in range(4)))
    shutil.rmtree(at_rest.folder / "2024")
    at_rest.shows()


def test_an_edited_photo_is_looked_at_again_and_shown_once(at_rest: Watched) -> None:
    picture(at_rest.folder / "edited.jpg", 400)
    before = at_rest.shows("edited.jpg")
    picture(at_rest.folder / "edited.jpg", 401, width=200, height=300)
    seen = at_rest.program.until("it being encoded again", lambda s: s["encoded"] == before["encoded"] + 1)
    seen = at_rest.shows("edited.jpg")
    assert len(seen["rows"]) == 9
    (at_rest.folder / "edited.jpg").unlink()
    at_rest.shows()


def test_a_photo_that_arrives_during_a_search_joins_the_answer(at_rest: Watched) -> None:
    program = at_rest.program
    program.take_keyboard(program.state)
    program.desktop.key("ctrl+f")
    program.desktop.type("colours")
    program.until("the answer", lambda s: s["words"] == "colours" and s["answered"] and not s["searching"])
    picture(at_rest.folder / "late.jpg", 500)
    seen = program.until("nine answers", lambda s: s["answered"] and len(s["rows"]) == 9)
    assert str(at_rest.folder / "late.jpg") in seen["rows"]
    (at_rest.folder / "late.jpg").unlink()
    program.until("eight answers", lambda s: s["answered"] and len(s["rows"]) == 8)
    program.desktop.key("Escape")
    at_rest.shows()


def test_a_file_that_is_damaged_is_named_as_a_problem(at_rest: Watched) -> None:
    (at_rest.folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more than this")
    at_rest.program.until("the problem", lambda s: s["problems"] == "1 file has a problem")
    (at_rest.folder / "broken.jpg").unlink()
    at_rest.program.until("no problem", lambda s: s["problems"] == "")


def test_a_folder_that_goes_away_keeps_its_photos_and_comes_back_without_encoding(at_rest: Watched) -> None:
    program, elsewhere = at_rest.program, at_rest.folder.with_name("elsewhere")
    before = program.state
    program.take_keyboard(before)
    at_rest.folder.rename(elsewhere)
    program.desktop.key("F5")
    seen = program.until("the photos being away", lambda s: s["away"] == 8)
    assert (seen["rows"], seen["searchable"]) == (before["rows"], 8)
    elsewhere.rename(at_rest.folder)
    program.desktop.key("F5")
    seen = program.until("the photos being here", lambda s: s["away"] == 0 and s["phase"] == "IDLE")
    assert (seen["rows"], seen["encoded"]) == (before["rows"], before["encoded"])
