"""Worker processes step back behind everything else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from photosearch.priority import NICENESS, lower_on_windows

NICENESS_OF_A_PROCESS_THAT_STEPPED_BACK = """
import os
from photosearch.priority import step_back
before = os.nice(0)
step_back({steps})
print(os.nice(0) - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows classes, not niceness")
@pytest.mark.parametrize(("steps", "nicer"), [("", NICENESS), ("2", 2 * NICENESS)])
def test_a_process_that_steps_back_is_nicer(steps, nicer):
    program = NICENESS_OF_A_PROCESS_THAT_STEPPED_BACK.format(steps=steps)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) == nicer


class Kernel32:
    """The two functions of Windows that are needed, and what was asked of them."""

    class Function:
        def __init__(self, answer: int) -> None:
            self.answer, self.asked = answer, []

        def __call__(self, *arguments: int) -> int:
            self.asked.append(arguments)
            return self.answer

    def __init__(self, *, works: bool) -> None:
        self.GetCurrentProcess = self.Function(2**64 - 1)
        self.SetPriorityClass = self.Function(int(works))


def test_on_windows_the_class_below_normal_is_asked_for():
    kernel = Kernel32(works=True)
    lower_on_windows(kernel)
    assert kernel.SetPriorityClass.asked == [(2**64 - 1, 0x4000)]


def test_where_windows_refuses_it_is_an_error_of_the_system():
    with pytest.raises(OSError, match="SetPriorityClass"):
        lower_on_windows(Kernel32(works=False))
