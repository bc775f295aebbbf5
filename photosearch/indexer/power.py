"""Whether the computer runs on its battery: asked of the system, and parsed apart from the asking.

Where it cannot be known, the computer is on mains.
"""

from __future__ import annotations

import ctypes
import logging
import subprocess
import sys
from pathlib import Path

log = logging.getLogger(__name__)

_LINUX = Path("/sys/class/power_supply")
_MACOS = ("/usr/bin/pmset", "-g", "batt")
_PATIENCE_S = 3.0
_AC_OFFLINE = 0


def on_battery() -> bool:
    """Ask the system. Takes a millisecond, on macOS some."""
    try:
        if sys.platform == "win32":
            return windows_on_battery(_windows_ac_line())
        if sys.platform == "darwin":
            asked = subprocess.run(_MACOS, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
            return macos_on_battery(asked.stdout)
        return linux_on_battery(_LINUX)
    except (OSError, subprocess.SubprocessError, AttributeError, ValueError) as error:
        log.debug("the power supply cannot be asked: %s", error)
        return False


def linux_on_battery(supplies: Path) -> bool:
    """``supplies``: the kernel's folder of power supplies. A mouse has a battery too: its scope is its device."""
    discharging = False
    for supply in supplies.iterdir() if supplies.is_dir() else ():
        kind = _word(supply / "type")
        if kind in ("mains", "usb", "wireless") and _word(supply / "online") == "1":
            return False
        if kind == "battery" and _word(supply / "scope") != "device":
            discharging = discharging or _word(supply / "status") == "discharging"
    return discharging


def _word(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip().lower()
    except OSError:
        return ""


def macos_on_battery(answer: str) -> bool:
    """``answer``: what ``pmset -g batt`` says; its first line is ``Now drawing from 'Battery Power'``."""
    return "'battery power'" in answer.partition("\n")[0].lower()


def windows_on_battery(ac_line: int) -> bool:
    """``ac_line``: ACLineStatus of GetSystemPowerStatus; 0 offline, 1 online, 255 unknown."""
    return ac_line == _AC_OFFLINE


class _SystemPowerStatus(ctypes.Structure):
    """SYSTEM_POWER_STATUS of the Windows API."""

    _fields_ = (
        ("ac_line_status", ctypes.c_ubyte), ("battery_flag", ctypes.c_ubyte), ("battery_life_percent", ctypes.c_ubyte),
        ("system_status_flag", ctypes.c_ubyte), ("battery_life_time", ctypes.c_ulong),
        ("battery_full_life_time", ctypes.c_ulong),
    )  # fmt: skip


def _windows_ac_line() -> int:
    status = _SystemPowerStatus()
    library = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    if not library.GetSystemPowerStatus(ctypes.byref(status)):
        raise OSError("GetSystemPowerStatus failed")
    return status.ac_line_status
