"""What the window's process asks of the interpreter, so that its other threads do not hold up the window.

Only one thread at a time runs Python. The window's thread lets go of it in most of its calls into Qt, and must get it
back from a thread that computes, or that looks through every object for garbage, before it can go on.
"""

from __future__ import annotations

import gc
import sys

_SWITCH_SECONDS = 0.001
"""A thread that computes is interrupted after so long. With Python's own 5 ms a paint with ten calls waits 50."""


def switch_often() -> None:
    """For the process of a window: switch between threads soon."""
    sys.setswitchinterval(_SWITCH_SECONDS)


def spare_what_stays() -> None:
    """Leave all objects there are out of the search for garbage from now on.

    Call it when what stays for the life of the process (modules, mostly) has just been loaded: a search through all of
    that takes 40 ms, in which no other thread runs. What is no longer referred to goes as before; only cycles of
    objects that are here now are never found.
    """
    gc.freeze()
