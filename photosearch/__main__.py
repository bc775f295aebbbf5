"""``photosearch`` and ``python -m photosearch``. Imports nothing heavy: child processes import this module too."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and end with its exit status."""
    from photosearch.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
