"""A screen of its own (Xvfb) and the hands that use it: what is done to the program is done by X11, as a person would.

There is no window manager: a window lies where it puts itself, and has the keyboard when it is given it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

LIMIT_SECONDS = 120.0
"""Far longer than anything here takes; no test asserts a time."""
SCREEN = (1500, 1000)
_LOOK_SECONDS = 0.02
_DRAG_STEPS = 10
_STEP_MS = 30
"""Between two moves of a drag: XDND is a conversation of two programs, and they take turns."""

T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T | None], *, seconds: float = LIMIT_SECONDS) -> T:
    """What ``look`` finds, as soon as it finds something; fails with ``what`` when it never does."""
    limit = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < limit, f"this never came: {what}"
        time.sleep(_LOOK_SECONDS)


class Desktop:
    """An X server on a free display, with a home of its own. Close it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        read, write = os.pipe()
        try:
            self._server = subprocess.Popen(
                ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{SCREEN[0]}x{SCREEN[1]}x24", "-noreset"],
                pass_fds=[write],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        finally:
            os.close(write)
        with os.fdopen(read) as answer:
            number = answer.readline().strip()  # an empty line where the server ended instead
        if not number:
            self._server.wait()
            raise RuntimeError("Xvfb did not start")
        self.display = f":{number}"

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a program started from this desktop finds: its screen and home, nothing of the desktop we run on."""
        ours = ("QT_", "XDG_", "WAYLAND_", "DBUS_", "PHOTOSEARCH_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return kept | {"DISPLAY": self.display, "HOME": str(self.home)} | dict(more or {})

    def xdotool(self, *arguments: object) -> str:
        """One call of xdotool; what it said."""
        done = subprocess.run(
            ["xdotool", *map(str, arguments)],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def key(self, *keys: str) -> None:
        """Press keys one after the other: ``Down``, ``ctrl+f``."""
        self.xdotool("key", "--clearmodifiers", "--delay", 20, *keys)

    def type(self, text: str) -> None:
        self.xdotool("type", "--delay", 15, "--", text)

    def click(self, x: int, y: int, *, button: int = 1, times: int = 1) -> None:
        self.xdotool("mousemove", "--sync", x, y, "click", "--repeat", times, "--delay", 60, button)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press at ``start``, move in steps, let go at ``end``."""
        self.press_and_move(start, end)
        self.let_go()

    def press_and_move(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        pause = ["sleep", f"{_STEP_MS / 1000}"]
        moves: list[object] = ["mousemove", *start, *pause, "mousedown", 1, *pause]
        for step in range(1, _DRAG_STEPS + 1):
            x, y = (round(a + (b - a) * step / _DRAG_STEPS) for a, b in zip(start, end, strict=True))
            moves += ["mousemove", x, y, *pause]
        self.xdotool(*moves)

    def let_go(self) -> None:
        self.xdotool("mouseup", 1)

    def ask_to_close(self, window: int) -> None:
        """What a window manager sends when the close button is pressed (WM_DELETE_WINDOW)."""
        display = _x11().XOpenDisplay(self.display.encode())
        assert display
        try:
            protocols = _x11().XInternAtom(display, b"WM_PROTOCOLS", 0)
            event = _ClientMessage(
                type=_CLIENT_MESSAGE, display=display, window=window, message_type=protocols, format=32
            )
            event.data[0] = _x11().XInternAtom(display, b"WM_DELETE_WINDOW", 0)
            padded = _Event(client=event)
            assert _x11().XSendEvent(display, window, 0, 0, ctypes.byref(padded))
        finally:
            _x11().XCloseDisplay(display)  # sends what waits

    def screenshot(self, file: Path) -> str:
        """A picture of the screen for whoever looks into a failure: its path, or why there is none."""
        if shutil.which("import") is None:
            return "no picture, for ImageMagick is not installed"
        subprocess.run(["import", "-window", "root", str(file)], env=self.environment(), check=False)
        return str(file)

    def close(self) -> None:
        self._server.terminate()
        self._server.wait(LIMIT_SECONDS)


_CLIENT_MESSAGE = 33


class _ClientMessage(ctypes.Structure):
    """XClientMessageEvent of Xlib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
    ]


class _Event(ctypes.Union):
    """XEvent: as large as the largest of them."""

    _fields_ = [("client", _ClientMessage), ("pad", ctypes.c_long * 24)]


def _x11() -> ctypes.CDLL:
    """libX11, which Qt's own plug-in needs too."""
    library = ctypes.CDLL("libX11.so.6")
    library.XOpenDisplay.argtypes, library.XOpenDisplay.restype = [ctypes.c_char_p], ctypes.c_void_p
    library.XInternAtom.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    library.XInternAtom.restype = ctypes.c_ulong
    library.XSendEvent.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_long, ctypes.c_void_p]
    library.XCloseDisplay.argtypes = [ctypes.c_void_p]
    return library
