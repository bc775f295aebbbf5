"""What ``make run`` starts: the window, or, where no window can be shown, indexing and searching in the terminal.

Run by the environment's own Python. ``PHOTOS`` names a folder and ``QUERY`` what to look for, both from the
environment: a value passed through ``make`` and a shell's command line would lose its quotes.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("photosearch.exe" if os.name == "nt" else "photosearch")
SAMPLE_QUERY = "a dog on the beach"


def has_display(environment: Mapping[str, str]) -> bool:
    """Whether a window can be shown; only Linux and its kin can lack a screen in a way that can be asked."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def shown(*arguments: str) -> str:
    """A command as the user can type it from here."""
    try:
        program = PROGRAM.relative_to(Path.cwd())
    except ValueError:
        program = PROGRAM
    return shlex.join([str(program), *arguments])


def run(*arguments: str) -> int:
    return subprocess.run([str(PROGRAM), *arguments], check=False).returncode


def start_in_terminal(photos: str, query: str) -> int:
    """Index the folder and search it, and show the commands. Returns the exit status."""
    if not photos and not query:
        print(
            "There is no screen to open the window on. To use PhotoSearch from this terminal, name a folder of photos:"
        )
        print("    make run PHOTOS=/path/to/photos")
        print(f"or, step by step:\n    {shown('index', '/path/to/photos')}")
        print(f"    {shown('search', SAMPLE_QUERY)}")
        return 0
    if photos:
        print(f"There is no screen to open the window on; the photos are indexed here:\n    {shown('index', photos)}")
        status = run("index", photos)
        if status != 0:
            return status
    if query:
        print(f"\n    {shown('search', query)}", flush=True)
        return run("search", query)
    sample = ("search", SAMPLE_QUERY, "-n", "5")
    print(f"\nNow search, in your own words. For example:\n    {shown(*sample)}", flush=True)
    status = run(*sample)
    print(f"\nMore ways to search:\n    {shown('similar', 'photo.jpg')}\n    {shown('--help')}")
    return status


def main() -> int:
    photos = os.environ.get("PHOTOS", "")
    query = os.environ.get("QUERY", "")
    # The shell expands ~ only at the start of a word; in PHOTOS=~/Pictures some do not.
    photos = str(Path(photos).expanduser()) if photos else ""
    try:
        if has_display(os.environ):
            return run(*([photos] if photos else []), *(["--query", query] if query else []))
        return start_in_terminal(photos, query)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
