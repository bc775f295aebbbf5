"""Ctrl+C and the processes we start: it reaches every process of the terminal, but only ours decides what ends."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Starts processes in peace: SIGINT and SIGTERM are answered at the end of the block.

    An exception in the middle of a start would leave a half-born process. And whatever is started in here, threads and
    processes, is born with SIGINT blocked: a process ignores it as soon as its own code runs, but before that it would
    print a traceback on our terminal.
    """
    heard: list[int] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():  # in no other are signals answered
        for number in (signal.SIGINT, signal.SIGTERM):
            if callable(signal.getsignal(number)):
                handlers[number] = signal.signal(number, lambda received, _: heard.append(received))
    try:
        with _blocked():
            yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if heard:
            signal.raise_signal(heard[0])


@contextlib.contextmanager
def _blocked() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # multiprocessing would start it in here, and lets SIGINT in again after that
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
