"""The log file: rotating, in the log folder, never holding a photo's content or a query above debug level."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)-7s %(process)d %(name)s: %(message)s"
_MAX_BYTES = 2_000_000
_KEPT_FILES = 3


def set_up(file: Path | None, *, verbose: bool = False) -> None:
    """Log to ``file`` (None: nowhere), with ``verbose`` to stderr too. Calling it again replaces the handlers."""
    root = logging.getLogger("photosearch")
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.propagate = False
    handlers: list[logging.Handler] = []
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(
                logging.handlers.RotatingFileHandler(
                    file, maxBytes=_MAX_BYTES, backupCount=_KEPT_FILES, encoding="utf-8", errors="backslashreplace"
                )
            )
        except OSError:
            pass  # a data folder that cannot be written is reported where it is used; logging must not be first
    if verbose:
        handlers.append(logging.StreamHandler(sys.stderr))
    if not handlers:
        handlers.append(logging.NullHandler())
    for handler in handlers:
        handler.setFormatter(logging.Formatter(_FORMAT))
        root.addHandler(handler)
