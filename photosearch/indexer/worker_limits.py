"""What a decode worker does before anything else: limits, so that one bad file costs only itself.

Imports nothing heavy: the limits must stand before numpy and Pillow are loaded.
"""

from __future__ import annotations

import os
import signal

from photosearch.priority import step_back

MEMORY_LIMIT_BYTES = 2 * 1024**3
"""Address space of a worker; enough for a 200-megapixel picture, small beside what some 34-byte files ask for."""


def limit_worker(memory_bytes: int, steps_back: int) -> None:
    """Initialiser of every decode worker. steps_back: in priority.

    Windows and macOS have no limit of memory for a process; there the header checks stand alone.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["OMP_NUM_THREADS"] = "1"
    # Decoders written in C complain on stderr, past Python; what is wrong with a file is told as its problem.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when work ends
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        pass
    step_back(steps_back)
