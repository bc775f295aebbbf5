"""How results and remarks are written: JSON with stable keys, paths as text that cannot harm a terminal."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from photosearch.errors import display_path


def say(sentence: str) -> None:
    """A remark for the person at the terminal, never part of the result."""
    print(f"photosearch: {sentence}", file=sys.stderr)


def print_json(document: Mapping | list) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=1))


def path_fields(path: Path) -> dict[str, str]:
    """``path`` as text; ``path_bytes`` (base64) as well where the name is not UTF-8 and the text only describes it."""
    text = str(path)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return {"path": display_path(path), "path_bytes": base64.b64encode(os.fsencode(path)).decode("ascii")}
    return {"path": text}


def write_raw_paths(paths: list[Path]) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(b"".join(os.fsencode(p) + b"\0" for p in paths))
    sys.stdout.buffer.flush()
