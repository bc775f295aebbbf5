"""What the open window costs while nothing happens: wake-ups and processor time in a minute, and memory (Linux).

    python benchmarks/rest.py [--photos 100000] [--data FOLDER] [--settle 60] [--seconds 60] [--query dog]

The real program runs on a virtual screen (Xvfb) where there is one, opens a synthetic library, answers a query and is
left alone. Then the kernel's counters are read twice: voluntary context switches of every thread (a thread that sleeps
makes none), and processor time. Child processes are counted apart.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.report import Report

ROOT = Path(__file__).parent.parent
_MAKE = (
    "import sys; sys.path.insert(0, sys.argv[1]); from benchmarks.synthetic import make_library;"
    "from photosearch.paths import app_paths; make_library(app_paths(sys.argv[2]), photos=int(sys.argv[3]))"
)


def threads_of(pid: int) -> dict[str, tuple[str, int]]:
    """Thread id → (name, voluntary context switches so far)."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
        found[task.name] = (fields["Name"], int(fields["voluntary_ctxt_switches"]))
    return found


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def measure(process: psutil.Process, seconds: float, report: Report) -> None:
    children = process.children(recursive=True)
    threads, cpu = threads_of(process.pid), cpu_seconds(process)
    below = {child: (sum(n for _, n in threads_of(child.pid).values()), cpu_seconds(child)) for child in children}
    time.sleep(seconds)
    after = threads_of(process.pid)
    woken = {after[t][0] + " " + t: after[t][1] - threads.get(t, ("", 0))[1] for t in after}
    report.row("wake-ups of the window's process", sum(woken.values()) / seconds, "a second", threads=len(after))
    for name, count in sorted(woken.items(), key=lambda entry: -entry[1])[:8]:
        if count:
            report.row(f"  {name.rsplit(' ', 1)[0]}", count / seconds, "a second")
    report.row("processor time of it", 1e3 * (cpu_seconds(process) - cpu) / seconds, "ms a second")
    for child, (switches, used) in below.items():
        if child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
            name = " ".join(child.cmdline())[-40:]
            report.row("wake-ups of a child", (sum(n for _, n in threads_of(child.pid).values()) - switches) / seconds,
                       "a second", cpu_ms=1e3 * (cpu_seconds(child) - used) / seconds, name=name)  # fmt: skip
            report.row("its memory (unique)", child.memory_full_info().uss / 1e6, "MB")
    memory = process.memory_full_info()
    report.row("window process, resident", memory.rss / 1e6, "MB", unique=memory.uss / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--data", type=Path, help="a library made before by this program")
    parser.add_argument("--settle", type=float, default=60, help="seconds to leave it alone before")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--query", default="dog")
    options = parser.parse_args()
    report = Report("rest", f"The open window at rest, {options.photos:,} synthetic photos")
    with tempfile.TemporaryDirectory() as temporary:
        data = options.data or Path(temporary) / "library"
        if options.data is None:
            subprocess.run([sys.executable, "-c", _MAKE, ROOT, data, str(options.photos)], check=True)
        program = [sys.executable, "-m", "photosearch", "window", "--data-dir", data, "--query", options.query]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if not os.environ.get("DISPLAY") and shutil.which("xvfb-run"):
            program = ["xvfb-run", "-a", *program]
        elif not os.environ.get("DISPLAY"):
            environment["QT_QPA_PLATFORM"] = "offscreen"
        started = subprocess.Popen(program, env=environment, start_new_session=True)
        try:
            time.sleep(options.settle)
            tree = [psutil.Process(started.pid), *psutil.Process(started.pid).children(recursive=True)]
            window = next(p for p in tree if "photosearch" in p.cmdline() and "xvfb-run" not in " ".join(p.cmdline()))
            measure(window, options.seconds, report)
        finally:
            os.killpg(started.pid, signal.SIGTERM)
            started.wait(20)
    report.finish()


if __name__ == "__main__":
    main()
