"""What every benchmark says beside its figures: the machine, the versions; and where the numbers are kept."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_LIBRARIES = ("torch", "open_clip_torch", "usearch", "Pillow", "pi-heif", "PySide6-Essentials", "numpy")


class Report:
    """Rows of one benchmark, printed as they come and written as JSON at the end."""

    def __init__(self, name: str, title: str) -> None:
        self._name = name
        self._document: dict[str, Any] = {
            "title": title,
            "date": datetime.date.today().isoformat(),
            "machine": machine(),
            "versions": {n: importlib.metadata.version(n) for n in _LIBRARIES},
            "rows": [],
        }
        print(f"{title}\n{machine()}", flush=True)

    def row(self, what: str, value: float, unit: str, **more: object) -> None:
        """One figure; ``more`` is kept beside it (spread, count)."""
        beside = "  ".join(f"{key} {shown(v)}" for key, v in more.items())
        print(f"  {what:<52} {shown(value):>9} {unit}  {beside}".rstrip(), flush=True)
        self._document["rows"].append({"what": what, "value": value, "unit": unit, **more})

    def finish(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        file = RESULTS / f"{self._name}.json"
        file.write_text(json.dumps(self._document, indent=1) + "\n", encoding="utf-8")
        print(f"written to {file}")


def shown(value: object) -> str:
    """Three figures that count."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def machine() -> str:
    """Processor, cores, system and Python, in a line."""
    cpu = platform.processor() or platform.machine()
    try:
        names = [x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")]
        cpu = names[0].split(":")[1].strip() if names else cpu
    except OSError:
        pass
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {sys.version.split()[0]}"


def resident_mb() -> float:
    """Resident memory of this process, in MB."""
    import psutil

    return psutil.Process().memory_info().rss / 1e6
