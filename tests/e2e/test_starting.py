"""The first start, later starts, and starts that cannot work."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.e2e.desktop import LIMIT_SECONDS, Desktop
from tests.e2e.program import Program, State
from tests.integration.command import PROGRAM, Command

Start = Callable[..., Program]


def failed_page(program: Program) -> State:
    return program.until("the page that says why", lambda s: s["page"] and s["state"] == "FAILED")


def test_the_first_start_welcomes_and_one_click_adds_the_pictures_folder(
    start: Start, desktop: Desktop, tmp_path: Path, pictures: Path
) -> None:
    mine = desktop.home / "Pictures"
    for number in (1, 2, 3):
        shutil.copyfile(pictures / f"colours {number:02}.jpg", mine / f"{number}.jpg")
    program = start(tmp_path / "data")
    seen = program.until("the welcome", lambda s: s["page"] and s["page"]["buttons"])
    assert seen["page"]["title"] == "Find any photo by what it shows"
    assert "nothing ever leaves this computer" in seen["page"]["small_print"]
    assert list(seen["page"]["buttons"]) == ["Use my Pictures folder", "Choose another folder…"]
    assert seen["folders"] == []
    program.press("Use my Pictures folder")
    seen = program.until("its photos", lambda s: len(s["rows"]) == s["searchable"] == 3)
    assert seen["folders"] == [str(mine)]
    for file in mine.iterdir():
        file.unlink()


def test_a_folder_that_is_not_there_gets_one_sentence_and_the_welcome(start: Start, tmp_path: Path) -> None:
    program = start(tmp_path / "data", "window", tmp_path / "no such folder")
    seen = program.until("the reason and the welcome", lambda s: s["notice"] and s["page"] and s["page"]["buttons"])
    assert seen["notice"]["text"] == (
        f"There is no folder {tmp_path / 'no such folder'}. Check the spelling, or connect its drive."
    )
    assert seen["page"]["title"] == "Find any photo by what it shows"
    assert seen["folders"] == []


def test_a_file_in_place_of_a_folder_gets_one_sentence(start: Start, library: Path, pictures: Path) -> None:
    program = start(library, pictures / "colours 01.jpg")
    seen = program.until("the reason", lambda s: s["notice"] and s["rows"])
    assert seen["notice"]["text"].endswith("colours 01.jpg is a file, not a folder. Give the folder that holds it.")


def test_words_given_at_the_start_are_searched_for_and_a_second_start_hands_over_its_own(
    start: Start, library: Path, own_pictures: Path, desktop: Desktop
) -> None:
    first = start(library, "--query", "green")
    seen = first.until("the answer", lambda s: s["answered"] and not s["searching"])
    assert (seen["field"], seen["title"]) == ("green", "green — PhotoSearch")
    count = seen["searchable"]

    def second(*arguments: str | Path, **options: Path) -> None:
        done = subprocess.run(
            [PROGRAM, *arguments],
            env=desktop.environment(),
            capture_output=True,
            timeout=LIMIT_SECONDS,
            check=False,
            **options,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    second("--data-dir", library, "window", own_pictures, "--query", "blue sky")
    seen = first.until("the words", lambda s: s["words"] == "blue sky" and s["answered"] and not s["searching"])
    assert seen["field"] == "blue sky"
    seen = first.until("the folder", lambda s: s["searchable"] == count + 8)
    assert str(own_pictures) in seen["folders"]
    second("--data-dir", os.path.relpath(library, own_pictures), "window", "--query", "red", cwd=own_pictures)
    first.until("other words", lambda s: s["words"] == "red")


def test_a_damaged_catalog_is_mended_with_one_click(start: Start, library: Path) -> None:
    catalog = library / "catalog.sqlite3"
    for other in library.glob("catalog.sqlite3-*"):
        other.unlink()
    catalog.write_bytes(b"this is no catalog " * 1000)
    program = start(library)
    seen = failed_page(program)
    assert seen["page"]["title"] == "The library cannot be opened"
    assert seen["page"]["text"].startswith("Its catalog is damaged (")
    assert list(seen["page"]["buttons"]) == ["Repair", "Quit"]
    program.press("Repair")
    program.until("the photos again", lambda s: len(s["rows"]) == s["searchable"] > 20)
    assert [file.name for file in library.iterdir() if "damaged" in file.name] != []


def test_a_catalog_of_a_newer_version_is_refused_kindly_and_not_changed(start: Start, library: Path) -> None:
    catalog = library / "catalog.sqlite3"
    with sqlite3.connect(catalog) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    before = catalog.read_bytes()
    program = start(library)
    seen = failed_page(program)
    assert "newer PhotoSearch (version 999" in seen["page"]["text"]
    assert seen["page"]["text"].endswith("Update PhotoSearch; nothing was changed.")
    program.press("Quit")
    assert program.ends() == 0
    program.assert_nothing_went_wrong()
    assert catalog.read_bytes() == before


def test_a_library_in_use_by_the_command_line_says_so_and_opens_when_it_is_free(start: Start, library: Path) -> None:
    watching = Command(library).start("index", "--watch")
    try:
        assert watching.stderr.readline() == b"photosearch: Watching. Ctrl+C ends it.\n"
        program = start(library)
        seen = failed_page(program)
        assert "is working on the library" in seen["page"]["text"]
    finally:
        watching.terminate()
        watching.communicate(timeout=LIMIT_SECONDS)
    program.press("Try again")
    program.ready()


def test_a_data_folder_that_cannot_be_made_gets_a_sentence(start: Start, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="ascii")
    program = start(tmp_path / "taken" / "data")
    seen = failed_page(program)
    assert "PhotoSearch cannot keep its data in" in seen["page"]["text"]


def test_without_a_screen_there_is_one_sentence_on_stderr(tmp_path: Path, pictures: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    bare.pop("QT_QPA_PLATFORM", None)
    done = subprocess.run(
        [PROGRAM, "--data-dir", tmp_path / "data", pictures],
        env=bare,
        capture_output=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        "photosearch: There is no screen to open the window on. Use `photosearch index FOLDER` and"
        " `photosearch search WORDS` here, or start PhotoSearch from a desktop.\n"
    )


def test_a_screen_that_does_not_answer_gets_one_sentence(tmp_path: Path) -> None:
    dead = {name: value for name, value in os.environ.items() if not name.startswith(("QT_", "WAYLAND_"))}
    done = subprocess.run(
        [PROGRAM, "--data-dir", tmp_path / "data"],
        env=dead | {"DISPLAY": ":31999"},
        capture_output=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"photosearch: ") and done.stderr.count(b"\n") == 1, done.stderr.decode()
