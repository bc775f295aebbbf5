"""``photosearch`` and ``python -m photosearch``. Imports nothing heavy: child processes import this module too."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from photosearch.paths import AppPaths


def main() -> None:
    """Run the command line and end with its exit status."""
    from photosearch.cli import run

    sys.exit(run(sys.argv[1:], open_window=_open_window))


def _open_window(paths: AppPaths, *, folders: Sequence[Path], query: str, model: str | None) -> int:
    from photosearch.ui.app import run  # Qt is loaded only for the window

    return run(paths, folders=folders, query=query, model=model)


if __name__ == "__main__":
    main()
