"""The guard in conftest.py: it fails the tests that leave something behind, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")

LEAVE_NOTHING = """
import sqlite3, subprocess, threading

def test_a_thread_that_ends_a_moment_later():
    threading.Thread(target=threading.Event().wait, args=(0.1,)).start()

def test_a_process_that_was_waited_for():
    subprocess.run(["sleep", "0.01"], check=True)

def test_a_database_that_was_closed(tmp_path):
    db = sqlite3.connect(tmp_path / "a.sqlite3")
    db.execute("CREATE TABLE a (b)")
    db.close()

def test_the_daemon_of_somebody_else():
    threading.Thread(target=threading.Event().wait, args=(30,), daemon=True).start()
"""

LEAVE_SOMETHING = """
import sqlite3, subprocess, threading

kept, release = [], threading.Event()

def test_thread():
    threading.Thread(target=release.wait, args=(30,), name="left-thread").start()

def test_our_daemon():
    threading.Thread(target=release.wait, args=(30,), daemon=True, name="photosearch-left").start()

def test_process():
    kept.append(subprocess.Popen(["sleep", "30"]))

def test_database(tmp_path):
    kept.append(sqlite3.connect(tmp_path / "left.sqlite3"))
    kept[-1].execute("CREATE TABLE a (b)")

def test_end():
    release.set()
"""


@pytest.fixture
def guarded(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8") + "\nLEAK_PATIENCE_SECONDS = 0.5\n")
    return pytester


def test_tests_that_leave_nothing_pass(guarded):
    guarded.makepyfile(LEAVE_NOTHING)
    guarded.runpytest_subprocess().assert_outcomes(passed=4)


def test_each_kind_of_leftover_fails_its_test_and_is_named(guarded):
    guarded.makepyfile(LEAVE_SOMETHING)
    result = guarded.runpytest_subprocess()
    result.assert_outcomes(passed=5, errors=4)
    result.stdout.fnmatch_lines(
        ["*the thread left-thread", "*the thread photosearch-left", "*the process *sleep 30", "*left.sqlite3"]
    )
