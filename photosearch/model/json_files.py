"""Small JSON files of a cache: read without complaint, replaced in one step."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from photosearch.errors import display_path

log = logging.getLogger(__name__)

PARTIAL = ".partial-"
"""Begins the name of what is being written."""


def read_json(file: Path) -> Any:
    """What it holds; None where it is not there or damaged (that is said in the log)."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s cannot be read and is made again: %s", display_path(file), error)
        return None


def write_json(file: Path, facts: Mapping) -> None:
    """Raises OSError; the file is then as it was."""
    partial = file.with_name(f"{PARTIAL}{os.getpid()}-{file.name}")
    try:
        partial.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        sync(partial)
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sync(file: Path) -> None:
    """See it on the disk."""
    with file.open("r+b") as stream:
        os.fsync(stream.fileno())
