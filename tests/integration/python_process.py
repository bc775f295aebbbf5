"""Python code in a process of its own, for what must not be imported into the tests' process (torch) or is measured."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 240
WITH_OPEN_CLIP = "import sys, pathlib\nfrom photosearch.model import torchvision_cpu\ntorchvision_cpu.prepare()\n"
"""Begins a program that imports torchvision or open_clip."""


def run_python(
    program: str, *arguments: object, limit_seconds: float = LIMIT_SECONDS, environment: dict[str, str] | None = None
) -> str:
    """What it printed, once it ended well."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"} | (environment or {}),
        capture_output=True,
        text=True,
        timeout=limit_seconds,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
