"""Ctrl+C while processes are started: it waits, and what is started does not hear it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from photosearch import interrupts


@pytest.fixture(autouse=True)
def interruptible():
    """As in a terminal: a shell starts what runs in its background with Ctrl+C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_waits_until_all_is_started():
    done = []
    with pytest.raises(KeyboardInterrupt):
        with interrupts.held_back():
            signal.raise_signal(signal.SIGINT)
            done.append("started")
        done.append("never")
    assert done == ["started"]


def test_an_interrupt_of_a_program_with_threads_waits_too():
    # The system gives a signal to any thread that does not block it.
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    done = []
    try:
        with pytest.raises(KeyboardInterrupt), interrupts.held_back():
            signal.pthread_kill(other.ident, signal.SIGINT)
            done += [sum(range(100_000)) for _ in range(20)]
    finally:
        stop.set()
        other.join()
    assert len(done) == 20


def test_the_handlers_are_back_afterwards():
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(RuntimeError), interrupts.held_back():
        raise RuntimeError
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows has no signal mask")
def test_a_process_is_born_with_interrupts_blocked_and_we_are_not_left_so():
    code = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    with interrupts.held_back():
        inside = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert inside.stdout == "True\n"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_other_threads_may_start_processes_as_well():
    entered = []

    def start() -> None:
        with interrupts.held_back():
            entered.append(True)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert entered == [True]
