"""How results and remarks are written: JSON with stable keys, paths as text that cannot harm a terminal."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from photosearch.errors import display_path

# json.dumps leaves these as they are; a terminal obeys some of them, and a lone surrogate cannot be written at all.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def say(sentence: str) -> None:
    """A remark for the person at the terminal, never part of the result."""
    print(f"photosearch: {sentence}", file=sys.stderr)


def print_json(document: Mapping | list) -> None:
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(document, ensure_ascii=not utf8, indent=1)
    print(_UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def counted(number: int, thing: str) -> str:
    """``1 file``, ``2 files``, ``1,000 files``."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


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
