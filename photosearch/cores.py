"""How many processor cores this process may use. Imports nothing heavy."""

from __future__ import annotations

import os


def available_cores() -> int:
    """At least one; fewer than the computer has where the process is bound to some of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
