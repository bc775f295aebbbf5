"""Giving memory back to the system. Imports nothing heavy."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> bool:
    """Let go of memory that was freed and is still held by the C library. True where there was some.

    Only glibc has to be asked: it keeps what small pieces scattered over its heap hold apart. Takes some milliseconds;
    not for the window's own thread.
    """
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError):  # another C library (musl)
        return False
