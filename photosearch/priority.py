"""Working behind everything else that the computer does. Imports nothing heavy: worker processes begin with it."""

from __future__ import annotations

import ctypes
import logging
import os
import sys

log = logging.getLogger(__name__)

NICENESS = 5
"""On Linux the priority of reading and writing follows it."""
_BELOW_NORMAL_PRIORITY_CLASS = 0x4000


def step_back(steps: int = 1) -> None:
    """Lower this process's priority; where that is not possible it works on as it is. Windows knows one step."""
    try:
        if sys.platform == "win32":
            lower_on_windows(ctypes.windll.kernel32)  # type: ignore[attr-defined,unused-ignore]
        else:
            os.nice(steps * NICENESS)
    except (OSError, AttributeError) as error:
        log.debug("the priority stays: %s", error)


def lower_on_windows(kernel) -> None:
    """``kernel``: the functions of kernel32."""
    kernel.GetCurrentProcess.restype = ctypes.c_void_p  # a handle; as an int it would lose its upper half
    kernel.SetPriorityClass.argtypes = (ctypes.c_void_p, ctypes.c_ulong)
    if not kernel.SetPriorityClass(kernel.GetCurrentProcess(), _BELOW_NORMAL_PRIORITY_CLASS):
        raise OSError("SetPriorityClass failed")
