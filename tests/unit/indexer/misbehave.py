"""What a decoder may do to its process; run in decode workers."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path


def answer(value: int) -> int:
    return value


def process_id() -> int:
    return os.getpid()


def exit_at_once() -> None:
    os._exit(3)


def exit_the_first_time(seen: Path) -> str:
    if not seen.exists():
        seen.touch()
        os._exit(9)
    return "done"


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    threading.Event().wait()


def eat_memory(how_much: int) -> int:
    return len(bytearray(how_much))


def raise_oddly() -> None:
    raise SyntaxError("broken PNG file")


def ignores_interrupts() -> bool:
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN
