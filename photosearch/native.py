"""Lets C++ libraries that bring a libstdc++ of their own live in one process with those that use the system's.

usearch's wheel for Linux contains a libstdc++ and exports its symbols, some of them unique in a process. ONNX Runtime
uses the system's. Where usearch is loaded first, ONNX Runtime finds facets of the wrong library and dies while it is
imported (seen with usearch 2.26.6 and onnxruntime 1.31.1; which of Qt's libraries came before decides as well). With
the system's libstdc++ in the global scope before usearch is loaded, both find that one, whatever the order.
"""

from __future__ import annotations

import ctypes
import functools
import sys

_LIBRARY = "libstdc++.so.6"
_BRINGS_ITS_OWN = "usearch.compiled"


@functools.cache
def share_cpp_runtime() -> bool:
    """Call it before usearch or ONNX Runtime is imported.

    Returns whether both can be used here: False where somebody else had imported usearch before the first call.
    """
    if sys.platform != "linux":
        return True
    in_time = _BRINGS_ITS_OWN not in sys.modules
    try:
        ctypes.CDLL(_LIBRARY, mode=ctypes.RTLD_GLOBAL)
    except OSError:  # a system with another C++ library, where these symbols do not meet
        return True
    return in_time
