"""A screen, programs on it, and small libraries for the tests that use the program as a person does."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import with_exports
from tests.e2e.desktop import Desktop, wait_for
from tests.e2e.pictures import picture
from tests.e2e.program import FIRST_SIZE, OPENED, Neighbour, Program, State
from tests.integration.command import Command

ODD_NAME = "<b>bold<br>\nsecond line & more.jpg"
_COLOURS = 12


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests come last: the program that they share would take processor time from all that came after it."""
    items.sort(key=lambda item: Path(__file__).parent in item.path.parents)


@pytest.fixture(autouse=True)
def leaks_nothing() -> Iterator[None]:
    """Replaces the guard of all tests: no process that a test started is left behind.

    A program that several tests share has children that come and go meanwhile. Those are asked for when it ends
    (``Program.ends``), and so are those of all others, wherever they went.
    """
    before = set(psutil.Process().children())
    yield

    def left() -> list[str]:
        return [
            " ".join(process.cmdline())
            for process in set(psutil.Process().children()) - before
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        ]

    wait_for("the end of what the test started", lambda: not left(), seconds=20)


@pytest.fixture(scope="session")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """One screen for all tests."""
    if not sys.platform.startswith("linux"):
        pytest.skip("a screen of its own for the window (Xvfb) is there on Linux only")
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (`make test` installs it where it may)")
    home = tmp_path_factory.mktemp("home")
    (home / "Pictures").mkdir()
    screen = Desktop(home)
    yield screen
    screen.close()


@pytest.fixture
def start(desktop: Desktop, tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts the program on a data folder; whatever still runs in the end is ended, and may not have gone wrong.

    It asks for ``tmp_path`` to end before that is removed: the data folders lie in it.
    """
    started: list[Program] = []

    def start_it(data_dir: Path, *arguments: str | Path, path: Path | None = None) -> Program:
        started.append(Program(desktop, data_dir, *arguments, path=path))
        return started[-1]

    yield start_it
    running = [program for program in started if program.process.poll() is None]
    try:
        for program in running:
            program.close()
    finally:
        for program in started:
            program.clean_up()


@pytest.fixture
def neighbour(desktop: Desktop) -> Iterator[Callable[..., Neighbour]]:
    """Starts another program, to drag from or to copy in."""
    started: list[Neighbour] = []

    def start_it(what: str, *offers: str) -> Neighbour:
        started.append(Neighbour(desktop, what, *offers))
        return started[-1]

    yield start_it
    for program in started:
        program.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Small pictures of many formats, a dozen of colours, and one with an odd name. Never changed."""
    folder = tmp_path_factory.mktemp("e2e") / "pictures"
    shutil.copytree(data, folder, ignore=shutil.ignore_patterns("*.md"))
    for seed in range(_COLOURS):
        picture(folder / f"colours {seed:02}.jpg", seed, width=480, height=320 + 20 * seed)
    picture(folder / ODD_NAME, 50)
    return folder


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory, pictures: Path, exported_model: Path) -> Path:
    """The data folder of a library in which ``pictures`` are indexed. Never changed."""
    data_dir = with_exports(tmp_path_factory.mktemp("e2e-library") / "data", exported_model)
    done = Command(data_dir)("index", pictures, "--quiet")
    assert done.status == 0, done.err.decode()
    return data_dir


@pytest.fixture
def library(tmp_path: Path, indexed: Path) -> Path:
    """A data folder of one's own in which ``pictures`` are indexed."""
    return Path(shutil.copytree(indexed, tmp_path / "data"))


@pytest.fixture
def own_pictures(tmp_path: Path) -> Path:
    """A folder of eight colour pictures that may be changed."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(8):
        picture(folder / f"{seed}.jpg", 200 + seed, width=300, height=200)
    return folder


@pytest.fixture(scope="session")
def shared_program(desktop: Desktop, indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One program over many tests; ``program`` gives it to a test at rest."""
    data_dir = Path(shutil.copytree(indexed, tmp_path_factory.mktemp("e2e-shared") / "data"))
    tools = data_dir.parent / "bin"
    tools.mkdir()
    opener = tools / "xdg-open"
    opener.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >> "{data_dir.parent / OPENED}"\n', encoding="utf-8")
    opener.chmod(0o755)
    program = Program(desktop, data_dir, path=tools)
    try:
        program.ready()
        yield program
        program.close()
    finally:
        program.clean_up()


@pytest.fixture
def program(shared_program: Program, desktop: Desktop) -> Program:
    """The shared program as a test finds it: the whole library in the grid, nothing over it, nothing chosen."""

    def at_rest(seen: State) -> bool:
        return not (seen["preview"] or seen["words"] or seen["chips"] or seen["answered"] or seen["selected"] > 1)

    shared_program.take_keyboard(shared_program.until("a window", lambda s: s["visible"]))
    if shared_program.state["place"][2:] != list(FIRST_SIZE):
        shared_program.resize(*FIRST_SIZE)
    for _ in range(5):
        if at_rest(shared_program.state):
            break
        desktop.key("Escape")
    shared_program.until("the whole library again", lambda s: at_rest(s) and s["grid"])
    desktop.key("ctrl+f", "Down", "Home")
    seen = shared_program.until("the first photo being current", lambda s: s["grid_focused"] and s["current"] == 0)
    if seen["details"] is not None:
        desktop.key("i")
        shared_program.until("no details", lambda s: s["details"] is None)
    return shared_program
