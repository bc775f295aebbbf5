"""Ctrl+C while indexing: at once, in one sentence, and everything that was committed stays."""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tests.integration.command import Command
from tests.integration.conftest import picture

QUICK, SLOW = 120, 12
PHOTOS = QUICK + SLOW
LIMIT_SECONDS = 240.0

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many photos that take a moment together, and some older ones, so read last, that take a third of a second each:
    while they are read, what was committed first can be seen and the run interrupted."""
    folder = tmp_path_factory.mktemp("many")
    for seed in range(QUICK):
        picture(folder / f"{seed}.jpg", seed, width=800, height=600)
    large = io.BytesIO()
    shade = Image.linear_gradient("L").resize((6000, 6000))
    Image.merge("RGB", [shade] * 3).save(large, "PNG", compress_level=1)
    an_hour_ago = time.time() - 3600
    for number in range(SLOW):
        file = folder / f"slow-{number}.png"
        file.write_bytes(large.getvalue() + bytes([number]))  # another file for what is told apart by content
        os.utime(file, (an_hour_ago, an_hour_ago))
    return folder


def committed(command: Command) -> int:
    """Photos in the catalog, asked beside the running process."""
    try:
        with sqlite3.connect(f"file:{command.data_dir}/catalog.sqlite3?mode=ro", uri=True) as db:
            count = db.execute("SELECT count(*) FROM embedding").fetchone()[0]
        db.close()
    except sqlite3.OperationalError:
        return 0
    return count


def wait_until(condition: Callable[[], object], running: Callable[[], int | None]) -> None:
    limit = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert running() is None, "it ended before it could be interrupted"
        assert time.monotonic() < limit, "it did not happen"


@pytest.mark.parametrize(
    ("moment", "whole_group"),
    [
        ("the model loads", True),
        ("the workers start", True),
        ("photos are committed", True),
        ("photos are committed", False),
    ],
)
def test_an_interrupted_run_keeps_what_was_committed_and_the_next_one_does_the_rest(
    tmp_path, many, moment, whole_group, new_data_dir
):
    command = Command(tmp_path / "first" if moment == "the model loads" else new_data_dir)
    process = command.start("index", many)
    with process:
        us = psutil.Process(process.pid)
        if moment == "the model loads":
            wait_until(lambda: len(us.children(recursive=True)) >= 2, process.poll)
        elif moment == "the workers start":
            wait_until(lambda: len(us.children(recursive=True)) >= 3, process.poll)
        else:
            wait_until(lambda: committed(command), process.poll)
        before = committed(command)
        children = us.children(recursive=True)
        # A terminal sends Ctrl+C to every process of the group, `kill -INT` to one.
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=LIMIT_SECONDS)
    assert (process.returncode, out) == (130, b"")
    assert err.decode() == "photosearch: Interrupted. What was done so far is kept.\n"
    assert not psutil.wait_procs(children, timeout=20)[1]
    if moment == "the model loads":  # nobody waits for it to be loaded first
        assert " runs on cpu " not in (command.data_dir / "logs" / "photosearch.log").read_text()
    kept = committed(command)
    assert before <= kept < PHOTOS
    done = command("index", "--json")
    assert (done.status, done.json["encoded"]) == (0, PHOTOS - kept)
    assert committed(command) == PHOTOS
