"""What becomes of jobs whose work fails: told and logged, unless nobody waits for them any more."""

from __future__ import annotations

import logging
import threading

import pytest

from photosearch.ui.worker import Worker

LOGGER = "photosearch.ui.worker"


class Fault(Exception):
    pass


@pytest.fixture
def worker(qtbot):
    made = Worker(1)
    yield made
    assert made.finish(5000)


def test_a_fault_is_told_and_logged(worker, qtbot, caplog):
    def fail():
        raise Fault

    told = []
    worker.start(fail, told.append)
    qtbot.waitUntil(lambda: bool(told))
    assert isinstance(told[0], Fault)
    assert [record.levelno for record in caplog.records if record.name == LOGGER] == [logging.ERROR]


def test_the_fault_of_work_that_was_dropped_meanwhile_is_nobodys(worker, qtbot, caplog):
    """A library that is closed fails whatever still asks it: that is no fault of the program."""
    caplog.set_level(logging.DEBUG, LOGGER)
    begun, closed = threading.Event(), threading.Event()

    def fail():
        begun.set()
        closed.wait(5)
        raise Fault

    told = []
    job = worker.start(fail, told.append)
    assert begun.wait(5)
    worker.drop(job)
    closed.set()
    assert worker.finish(5000)
    qtbot.wait(10)
    assert told == []
    assert [record.levelno for record in caplog.records if record.name == LOGGER] == [logging.DEBUG]
