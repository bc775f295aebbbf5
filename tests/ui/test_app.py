"""The program as a process: it starts, is asked again, is told to stop, and finds no screen."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from photosearch.errors import NoDisplay
from photosearch.ui.app import require_display
from photosearch.ui.single_instance import Request, hand_over

_RUN = """
import sys
from pathlib import Path
from photosearch import logs
from photosearch.paths import app_paths
from photosearch.ui import app

if __name__ == "__main__":
    logs.set_up(None)
    sys.exit(app.run(app_paths(sys.argv[1]), folders=[Path(one) for one in sys.argv[2:]]))
"""


@pytest.fixture
def start(tmp_path):
    """Starts the program with a window in memory; whatever still runs in the end is killed."""
    script = tmp_path / "start.py"
    script.write_text(_RUN)
    running: list[subprocess.Popen] = []

    def start_it(data: Path, *folders: Path) -> subprocess.Popen:
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(Path.cwd())}
        process = subprocess.Popen(
            [sys.executable, str(script), str(data), *map(str, folders)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield start_it
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen) -> tuple[int, list[str]]:
    """Exit status, and what was said but for Qt's own words about drawing into memory."""
    said, _ = process.communicate(timeout=60)
    return process.returncode, [line for line in said.splitlines() if "plugin does not support" not in line]


def wait_until_it_listens(qtbot: QtBot, data: Path) -> None:
    qtbot.waitUntil(lambda: hand_over(data, Request()), timeout=60_000)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to close a window with")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_the_window_and_ends_the_program_cleanly(qtbot, start, tmp_path, number):
    data = tmp_path / "data"
    process = start(data)
    wait_until_it_listens(qtbot, data)
    process.send_signal(number)
    assert ended(process) == (0, [])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to close a window with")
def test_a_second_start_hands_its_folder_over_and_ends(qtbot, start, tmp_path, data):
    library = tmp_path / "data"
    first = start(library)
    wait_until_it_listens(qtbot, library)
    second = start(library, data)
    assert ended(second) == (0, [])
    assert first.poll() is None
    first.send_signal(signal.SIGTERM)
    assert ended(first) == (0, [])


def test_without_a_screen_one_sentence_says_how_to_go_on():
    with pytest.raises(NoDisplay, match="photosearch search"):
        require_display("linux", {})
    for platform, environment in (
        ("linux", {"DISPLAY": ":0"}),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}),
        ("linux", {"QT_QPA_PLATFORM": "offscreen"}),
        ("darwin", {}),
        ("win32", {}),
    ):
        require_display(platform, environment)


def test_the_window_loads_no_model_no_decoder_and_no_index():
    code = (
        "import json, sys; import photosearch.ui.app;"
        "print(json.dumps([m for m in ('torch', 'open_clip', 'usearch', 'PIL', 'sqlite3') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout) == []


def test_a_fault_in_a_slot_is_logged_and_the_window_goes_on(qtbot, caplog):
    from PySide6.QtCore import QTimer

    from photosearch.ui.app import _Guard
    from photosearch.ui.session import SORRY

    said: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError("a fault of ours")

    with _Guard(said.append):
        QTimer.singleShot(0, fail)
        qtbot.waitUntil(lambda: bool(said))
    assert said == [SORRY]
    assert "a fault of ours" in caplog.text


def test_other_threads_neither_keep_the_interpreter_for_long_nor_search_what_stays_for_garbage(window):
    assert sys.getswitchinterval() == pytest.approx(0.001)
    assert not any(thing is type(window) for thing in gc.get_objects())
