"""``photosearch index --watch``: what changes on disk is said and searchable, until Ctrl+C."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from pathlib import Path

import pytest

from tests.integration.command import LIMIT_SECONDS, Command
from tests.integration.conftest import picture


def next_line(process, *, containing: str) -> str:
    """The next line on stderr that holds these words; the rest of the program goes on meanwhile."""
    for line in process.stderr:
        if containing in line.decode():
            return line.decode()
    raise AssertionError(f"it ended without saying {containing!r}")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_a_watched_folder_is_followed_until_the_user_stops_it(tmp_path, new_data_dir):
    folder = tmp_path / "photos"
    folder.mkdir()
    picture(folder / "first.jpg", 1)
    picture(tmp_path / "later.jpg", 2)
    command = Command(new_data_dir)
    process = command.start("index", folder, "--watch", "--json")
    watchdog = threading.Timer(LIMIT_SECONDS, process.kill)
    watchdog.start()
    try:
        with process:
            next_line(process, containing="Watching. Ctrl+C ends it.")
            shutil.copyfile(tmp_path / "later.jpg", folder / "later.jpg")
            assert "1 photo added, 0 files gone." in next_line(process, containing="added")
            assert paths(command) == {folder / "first.jpg", folder / "later.jpg"}
            (folder / "first.jpg").unlink()
            assert "1 file gone." in next_line(process, containing="gone")
            assert paths(command) == {folder / "later.jpg"}
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate()
    finally:
        watchdog.cancel()
        watchdog.join()
    assert process.returncode == 130
    assert out.count(b'"encoded": 1') == 1  # one document: the report of the first look


def paths(command: Command) -> set[Path]:
    """What a search finds, beside the process that watches."""
    return {Path(os.fsdecode(p)) for p in command("search", "anything", "-0").out.split(b"\0") if p}
